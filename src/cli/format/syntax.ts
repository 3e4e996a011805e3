/** What a template is made of, once it is parsed: the part of Go's text/template that people use with --format. */

import { ErrorCode, TapwireError } from '../../control/errors.ts'

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | IfNode
  | RangeNode
  | WithNode
  | { readonly kind: 'break' }
  | { readonly kind: 'continue' }

export interface IfNode {
  readonly kind: 'if'
  readonly pipe: Pipe
  readonly body: readonly TemplateNode[]
  readonly otherwise: readonly TemplateNode[]
}

export interface WithNode {
  readonly kind: 'with'
  readonly pipe: Pipe
  readonly body: readonly TemplateNode[]
  readonly otherwise: readonly TemplateNode[]
}

export interface RangeNode {
  readonly kind: 'range'
  readonly pipe: Pipe
  readonly body: readonly TemplateNode[]
  readonly otherwise: readonly TemplateNode[]
}

/** `$x := .A | upper`: the value of each command is the last argument of the next. */
export interface Pipe {
  /** `$` in front included. */
  readonly variables: readonly string[]
  readonly isAssignment: boolean
  readonly commands: readonly Command[]
}

/** A function or method and its arguments, or one value. */
export interface Command {
  readonly operands: readonly Operand[]
}

/** Each carries where it stands and how it is written, for errors. With several names, it stands where the second one does, as Go has it. */
export type Operand = Place &
  (
    | { readonly kind: 'dot' }
    | { readonly kind: 'nil' }
    | { readonly kind: 'literal'; readonly value: string | number | boolean }
    | { readonly kind: 'function'; readonly name: string }
    | { readonly kind: 'field'; readonly names: readonly string[] }
    | { readonly kind: 'variable'; readonly name: string; readonly names: readonly string[] }
    | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly names: readonly string[] }
  )

export interface Place {
  /** Offset in the template. */
  readonly position: number
  readonly source: string
}

/** An error of a template, in the words of Go's. It is returned, not thrown. */
export function templateError(message: string, exitCode: number, hint?: string): TapwireError {
  return new TapwireError(ErrorCode.templateInvalid, `template parsing error: template: ${message}`, {
    hint,
    exitCode,
  })
}

/** As docker's client ends where a template is wrong in itself; where data do not fit it, it is 1. */
export const EXIT_TEMPLATE_SYNTAX = 64
