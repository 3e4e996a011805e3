/** How a page of stories looks: by day and by night, on a screen and on paper. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1b1b1f; --soft: #5c5f66; --line: #d6d8dd; --pane: #f5f6f8;
  --mark: #ffe27a; --field: #dcebff; --good: #17703a; --bad: #b3261e; --wait: #8a5a00; --changed: #c2185b; }
@media (prefers-color-scheme: dark) { :root { --back: #17181c; --text: #e8e8ec; --soft: #a3a6ad; --line: #3a3d45;
  --pane: #202229; --mark: #7a5f00; --field: #1f3a5f; --good: #6fcf8f; --bad: #ff8a80; --wait: #ffcc66; --changed: #ff80ab; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
header { padding: 1rem; border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.3rem; }
header p { margin: .25rem 0 0; color: var(--soft); }
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--back); padding: .5rem; }
.columns { display: grid; grid-template-columns: minmax(14rem, 18rem) minmax(0, 1fr); align-items: start; }
nav { position: sticky; top: 0; max-height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid var(--line); }
nav label { display: block; font-weight: 600; }
nav input { width: 100%; padding: .4rem .6rem; font: inherit; color: inherit; background: var(--pane);
  border: 1px solid var(--line); border-radius: .3rem; }
nav ol { list-style: none; margin: .5rem 0 0; padding: 0; font-size: .85rem; }
nav a { display: block; padding: .3rem .5rem; color: inherit; text-decoration: none; border-left: .25rem solid var(--line);
  overflow-wrap: anywhere; }
nav a:hover { background: var(--pane); }
nav .number { color: var(--soft); }
.delivered, .answered { --outcome: var(--good); }
.dropped { --outcome: var(--bad); }
.waiting { --outcome: var(--wait); }
.consumed, .originated, .seen { --outcome: var(--soft); }
nav a { border-left-color: var(--outcome); }
main { padding: 0 1rem; min-width: 0; }
article { padding: 1.2rem 0; border-bottom: 1px solid var(--line); }
h2 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
h3 { margin: 0 0 .4rem; font-size: .9rem; }
time, .soft { color: var(--soft); font-size: .85rem; }
.steps { padding-left: 1.6rem; }
.steps li { margin: .1rem 0; }
.stage { font-weight: 600; }
.verdict { color: var(--soft); }
.drop .verdict { color: var(--bad); font-weight: 600; }
.ending { font-weight: 600; color: var(--outcome); }
.wrong { color: var(--wait); }
.panes { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(31.5rem, 100%), 1fr)); gap: 1rem; }
.pane { background: var(--pane); border: 1px solid var(--line); border-radius: .4rem; padding: .8rem; min-width: 0; overflow-x: auto; }
.hex { font: 11px/1.6 ui-monospace, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; cursor: default; }
.hex i { font-style: normal; padding: .1em 0; border-radius: .15em; }
.hex .o, .hex .t { color: var(--soft); }
.hex .c { color: var(--changed); font-weight: 700; text-decoration: underline; }
.hex i.on { background: var(--mark); }
.hex i.at { outline: 2px solid currentColor; }
.tree, .tree ul { list-style: none; margin: 0; padding-left: 1rem; font-size: .85rem; }
.tree { padding-left: 0; margin-top: .6rem; }
.tree span { display: block; border-radius: .2rem; padding: 0 .3rem; overflow-wrap: anywhere; cursor: default; }
.tree > li > span { font-weight: 600; }
.tree span:hover, .tree span.on { background: var(--field); }
.tree .c { color: var(--changed); font-weight: 700; }
:focus-visible { outline: 2px solid #1a73e8; outline-offset: 1px; }
output { display: block; min-height: 1.5em; color: var(--soft); font-size: .8rem; }
table { border-collapse: collapse; margin: .5rem 0 1rem; font-size: .85rem; }
caption { text-align: left; }
th, td { text-align: left; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
[hidden] { display: none; }
@media (max-width: 60rem) { .columns { display: block; } nav { position: static; max-height: 14rem; border: 0; } }
@media print { nav, .skip, output { display: none; } .columns { display: block; } h2, h3, time, caption { break-after: avoid; }
  .pane, tr, .steps li { break-inside: avoid; } .pane { overflow: visible; } .hex { font-size: 8.5pt; } }
`
