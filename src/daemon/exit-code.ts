/** Another daemon has the root: EX_TEMPFAIL of sysexits(3), by which a command that starts a daemon knows that one is there. */
export const EXIT_ROOT_LOCKED = 75
