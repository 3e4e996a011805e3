import { z } from 'zod'

/** What `--doctor` prints. */
export const doctorSchema = z.object({
  checks: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['ok', 'warn', 'fail']),
      detail: z.string(),
      hint: z.string().optional(),
    }),
  ),
})
export type DoctorCheck = z.infer<typeof doctorSchema>['checks'][number]
