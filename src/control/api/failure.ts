import { z } from 'zod'

/** What the body of an answer other than 2xx is, and how the daemon tells why it cannot start. */
export const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
})
export type Failure = z.infer<typeof failureSchema>
