/* What is on its way to peers, between two points of one call. */
#ifndef TAPWIRE_OUTBOX_H
#define TAPWIRE_OUTBOX_H

#include "frame_io.h"

/* Makes it, where it is not there yet: with the first peer. 0, or -ENOMEM. */
int outbox_open(struct frame_io *io);
void outbox_close(struct frame_io *io);

/* Takes transmission `index`, to a peer; it has gone, or its result says why not, after `outbox_flush`. */
void outbox_take(struct frame_io *io, uint32_t index);
void outbox_flush(struct frame_io *io);

#endif
