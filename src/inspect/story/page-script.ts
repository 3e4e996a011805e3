/**
 * What a page of stories does by itself: the box filters its frames; a field that is pointed at, or has the focus, shows its bytes, and
 * the field of the same name in the other panes; a byte shows its fields. In a hex dump that has the focus the arrow keys go from byte to byte.
 * It makes no markup: it only reads the page and sets classes and texts.
 */
export const PAGE_SCRIPT = `'use strict'
const all = (root, selector) => [...root.querySelectorAll(selector)]
const panes = new WeakMap()
function partsOf(pane) {
  let parts = panes.get(pane)
  if (parts === undefined) {
    const bytes = all(pane, '.hex i')
    const fields = all(pane, '.tree span').map((element) => ({
      element, at: Number(element.dataset.o), size: Number(element.dataset.l), name: element.dataset.n, }))
    parts = { bytes, fields, places: new Map(bytes.map((byte, index) => [byte, index])), cursor: 0 }
    panes.set(pane, parts)
  }
  return parts
}
let lit = []
function clear() {
  for (const element of lit) element.classList.remove('on', 'at')
  lit = []
}
function light(element, name) {
  element.classList.add(name)
  lit.push(element)
}
function say(pane, text) {
  pane.querySelector('output').textContent = text
}
function showField(pane, element) {
  clear()
  const name = element.dataset.n
  for (const other of all(pane.closest('.panes'), '.pane')) {
    const { bytes, fields } = partsOf(other)
    const field = other === pane
      ? fields.find((one) => one.element === element)
      : fields.find((one) => name !== '' && one.name === name)
    if (field === undefined) continue
    light(field.element, 'on')
    for (const byte of bytes.slice(field.at, field.at + field.size)) light(byte, 'on')
    const last = field.at + field.size - 1
    const where = field.size === 0 ? 'no bytes' : field.size === 1 ? 'byte ' + field.at : 'bytes ' + field.at + ' to ' + last
    say(other, (field.name === '' ? '' : field.name + ': ') + where)
  }
}
function showByte(pane, index) {
  clear()
  const { bytes, fields } = partsOf(pane)
  if (bytes[index] === undefined) return
  light(bytes[index], 'at')
  const around = fields.filter(({ at, size }) => at <= index && index < at + size)
  for (const { element } of around) light(element, 'on')
  const inner = around.at(-1)
  if (inner === undefined) return say(pane, 'byte ' + index)
  for (const byte of bytes.slice(inner.at, inner.at + inner.size)) light(byte, 'on')
  say(pane, 'byte ' + index + ': ' + (inner.name === '' ? '' : inner.name + ', ') + inner.element.textContent)
}
function point(target) {
  const pane = target.closest?.('.pane')
  if (pane === null || pane === undefined) return
  const field = target.closest('.tree span')
  if (field !== null) return showField(pane, field)
  const parts = partsOf(pane)
  const index = parts.places.get(target)
  if (index === undefined) return
  parts.cursor = index
  showByte(pane, index)
}
addEventListener('pointerover', ({ target }) => point(target))
addEventListener('focusin', ({ target }) => {
  if (target.matches('.hex')) showByte(target.closest('.pane'), partsOf(target.closest('.pane')).cursor)
  else point(target)
})
addEventListener('focusout', clear)
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -16, ArrowDown: 16 }
addEventListener('keydown', (event) => {
  const step = STEPS[event.key]
  if (step === undefined || !event.target.matches('.hex')) return
  event.preventDefault()
  const pane = event.target.closest('.pane')
  const parts = partsOf(pane)
  const next = parts.cursor + step
  if (next >= 0 && next < parts.bytes.length) parts.cursor = next
  showByte(pane, parts.cursor)
})
const box = document.getElementById('filter')
const entries = all(document, 'nav li')
const texts = entries.map((entry) => entry.textContent.toLowerCase())
function filter() {
  const words = box.value.toLowerCase().split(/\\s+/).filter((word) => word !== '')
  let shown = 0
  for (const [index, entry] of entries.entries()) {
    const fits = words.every((word) => texts[index].includes(word))
    entry.hidden = !fits
    document.getElementById(entry.dataset.f).hidden = !fits
    if (fits) shown++
  }
  document.getElementById('shown').textContent = shown + ' of ' + entries.length + ' shown'
}
box.addEventListener('input', filter)
filter()
`
