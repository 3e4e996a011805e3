/** What a lab file says of a link: a sandbox's to a network, a host's uplink, a cable between two hosts. */

import { z } from 'zod'
import { IMPAIRMENT_QUEUE_DEFAULT, IMPAIRMENT_QUEUE_MAX } from '../limits.ts'
import { truth } from './lab-schema-values.ts'

const durationError = 'text such as 50ms'
const percentageError = 'text such as 1%'
const rateError = 'text such as 10mbit'
const queueError = `a whole number from 1 to ${IMPAIRMENT_QUEUE_MAX}`
const seedError = 'a whole number'

/** Of their texts, lab-link.ts says more than that they are no texts. */
const settings = {
  delay: z
    .string({ error: durationError })
    .optional()
    .meta({
      description: 'Each frame is so late: 50ms, 1.5s or 200us.',
      examples: ['50ms'],
    }),
  jitter: z
    .string({ error: durationError })
    .optional()
    .meta({
      description: 'By how much the delay varies, evenly, to either side. No more than the delay.',
      examples: ['5ms'],
    }),
  loss: z
    .string({ error: percentageError })
    .optional()
    .meta({ description: 'So many frames are dropped, each by its own chance.', examples: ['1%'] }),
  duplicate: z
    .string({ error: percentageError })
    .optional()
    .meta({ description: 'So many frames come twice.', examples: ['1%'] }),
  reorder: z
    .string({ error: percentageError })
    .optional()
    .meta({
      description: 'So many frames go at once, past those that are late. Needs a delay.',
      examples: ['25%'],
    }),
  corrupt: z
    .string({ error: percentageError })
    .optional()
    .meta({ description: 'So many frames have one bit turned over.', examples: ['0.1%'] }),
  rate: z
    .string({ error: rateError })
    .optional()
    .meta({
      description: 'No more than so many bits a second, all headers counted: 10mbit, 500kbit or 1gbit.',
      examples: ['10mbit'],
    }),
  queue: z
    .int({ error: queueError })
    .min(1, { error: queueError })
    .max(IMPAIRMENT_QUEUE_MAX, { error: queueError })
    .optional()
    .meta({
      description: 'So many frames may wait, and those beyond are dropped.',
      default: IMPAIRMENT_QUEUE_DEFAULT,
    }),
  down: truth.optional().meta({ description: 'Nothing passes.', default: false }),
  seed: z
    .int({ error: seedError })
    .min(-(2 ** 31), { error: seedError })
    .max(2 ** 31 - 1, { error: seedError })
    .optional()
    .meta({
      description: "The same seed has the same frames lost. Default: made of the place's name.",
      examples: [7],
    }),
}

const directionSchema = z.strictObject(settings, { error: 'a map of settings, such as { loss: 1% }' })

export const linkFileSchema = z
  .strictObject(
    {
      ...settings,
      from: directionSchema.optional().meta({
        description: 'Of what the sandbox sends alone; on a cable, of what its first host sends.',
      }),
      to: directionSchema.optional().meta({
        description: 'Of what the sandbox is sent alone; on a cable, of what its second host sends.',
      }),
    },
    { error: 'a map of settings, such as { delay: 50ms, loss: 1% }' },
  )
  .meta({
    description:
      'What the link does to frames, both ways; what stands under from or to is of that direction alone and goes before the rest.',
    examples: [{ delay: '10ms', loss: '1%', rate: '10mbit', seed: 7 }],
  })

export type LinkFile = z.infer<typeof linkFileSchema>
