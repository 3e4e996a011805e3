import { z } from 'zod'
import { failureSchema } from './failure.ts'
import { labActionSchema } from './lab.ts'

/** One line of an answer that tells the steps of what is done as it is done: NDJSON. */
export const progressSchema = z.union([
  z.object({
    /** Names the step, in words for people; its later lines repeat it. */
    step: z.string(),
    state: z.enum(['start', 'done', 'failed']),
    /** Takes the place of `step` from here on. */
    message: z.string().optional(),
    /** What the step came to, in brief. */
    detail: z.string().optional(),
  }),
  /** The last line where all went well. */
  z.object({ ready: z.literal(true), actions: z.array(labActionSchema).optional() }),
  /** The last line where it did not. */
  z.object({ failed: failureSchema }),
])
export type Progress = z.infer<typeof progressSchema>
