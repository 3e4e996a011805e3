import { explainRequestSchema, explanationSchema } from '../../control/api/explain.ts'
import { explainSentence } from '../../inspect/explain-text.ts'
import { type Api, body, json, type RouteContext, route, serve } from './routes.ts'

const explain = route({
  method: 'post',
  path: '/explain',
  tags: ['router'],
  summary: 'What the data path would do with a packet, and why. Nothing is sent, and nothing learned',
  request: { body: body(explainRequestSchema.meta({ id: 'ExplainRequest' })) },
  responses: { 200: json('Its way', explanationSchema.meta({ id: 'Explanation' })) },
})

export function explainRoutes(api: Api, { control }: RouteContext): void {
  serve(api, explain, async (c) => {
    const { packet, steps, outcome } = await control.explain(c.req.valid('json'))
    const told = steps.map((step) => ({ ...step, sentence: explainSentence(step) }))
    return c.json({ packet, steps: told, outcome }, 200)
  })
}
