// The dashboard's stylesheet, first part: colours, type, the frame of the page, dialogs. Colours come in light and dark by
// the reader's system; text keeps a contrast of at least 4.5 : 1 in both.

/** Colours, type, frame and dialogs. */
export const BASE_CSS = `
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --panel: #ffffff; --line: #dde1e6; --text: #1b2027; --quiet: #5a6472; --focus: #0b62d6;
  --good: #1a7f4b; --warn: #946200; --bad: #c62f2f; --off: #5a6472; --accent: #1d63c7;
  --good-tint: #e8f5ee; --warn-tint: #fdf3dc; --bad-tint: #fdeaea;
  --track: #dfe4ea; --fill: #6a8fc4; --fill-busy: #d19a1f; --fill-full: #d24545; --ink: #ffffff;
  --p50: #1d63c7; --p99: #965800; --p999: #a8329c; --rps: #1d63c7; --errors: #c62f2f; --grid: #e6e9ee; --spark: #1d63c71f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12151a; --panel: #1a1f26; --line: #2b323c; --text: #e3e7ed; --quiet: #9aa5b4; --focus: #6fb0ff;
    --good: #4fc588; --warn: #e6b450; --bad: #ff7b72; --off: #9aa5b4; --accent: #7ab3ff;
    --good-tint: #16281f; --warn-tint: #2c2616; --bad-tint: #341d1f;
    --track: #2d3540; --fill: #5c86c2; --fill-busy: #c9962c; --fill-full: #d65757; --ink: #12151a;
    --p50: #7ab3ff; --p99: #f0b357; --p999: #e08be0; --rps: #7ab3ff; --errors: #ff7b72; --grid: #262d36; --spark: #7ab3ff26;
  }
}
* { box-sizing: border-box; }
html { font: 13px/1.4 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; background: var(--ground); color: var(--text); -webkit-text-size-adjust: 100%; }
body { margin: 0; }
h1, h2, h3, p, dl, dd, figure { margin: 0; }
h1 { font-size: 15px; font-weight: 700; }
h2 { font-size: 12px; font-weight: 600; color: var(--quiet); margin-bottom: 6px; text-transform: uppercase; letter-spacing: .05em; }
h3 { font-size: 14px; font-weight: 600; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
h2:focus { outline: none; }
h2:focus-visible { outline: 2px solid var(--focus); }
button { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 5px; padding: 2px 9px; cursor: pointer; }
button:hover { border-color: var(--quiet); }
button:disabled { opacity: .5; cursor: default; }
.sprite { position: absolute; }
.sign { width: 12px; height: 12px; vertical-align: -1px; margin-right: 6px; fill: currentColor; flex: none; }
.sign.good { color: var(--good); } .sign.warn { color: var(--warn); } .sign.bad { color: var(--bad); }
.sign.off, .sign.slave { color: var(--off); } .sign.master { color: var(--accent); }
.ink { fill: none; stroke: var(--ink); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.skip { position: absolute; left: -999px; background: var(--panel); padding: 6px; z-index: 3; }
.skip:focus { left: 8px; top: 8px; }
.top { position: sticky; top: 0; z-index: 2; display: grid; grid-template-columns: auto 1fr auto auto; gap: 2px 12px; align-items: center; padding: 8px 16px; background: var(--panel); border-bottom: 1px solid var(--line); border-top: 4px solid var(--good); }
[data-level=warn] .top { border-top-color: var(--warn); }
[data-level=bad] .top { border-top-color: var(--bad); }
#origin { color: var(--quiet); overflow: hidden; text-overflow: ellipsis; }
#connection { color: var(--warn); font-weight: 600; }
nav { display: flex; gap: 6px; }
#verdict { grid-column: 1 / -1; display: flex; align-items: center; font-size: 18px; font-weight: 600; min-height: 26px; }
#verdict .sign { width: 18px; height: 18px; margin-right: 9px; }
.tag { font-weight: 600; border-radius: 4px; padding: 0 6px; }
.tag.warn { color: var(--warn); background: var(--warn-tint); } .tag.bad { color: var(--bad); background: var(--bad-tint); }
.hand-button, #token-button { display: none; }
[data-has-token=true] #token-button { display: inline-block; }
[data-may-act=true] .hand-button { display: inline-block; }
main { display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 10px; padding: 10px 16px 24px; }
.totals { grid-column: 1 / -1; }
.totals dl { display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); gap: 1px; background: var(--line); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; }
.totals dl div { background: var(--panel); padding: 5px 12px; display: flex; flex-direction: column-reverse; }
.totals dt { color: var(--quiet); font-size: 12px; }
.totals dd { font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 9px 12px; min-width: 0; }
.none { color: var(--quiet); } .none:empty { display: none; }
.legend, .others, .line { color: var(--quiet); }
dialog { color: var(--text); background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; width: min(560px, calc(100vw - 24px)); max-height: calc(100vh - 40px); overflow: auto; box-shadow: 0 12px 40px #0005; }
dialog::backdrop { background: #0007; }
dialog h2 { font-size: 16px; color: var(--text); text-transform: none; letter-spacing: 0; }
dialog p, dialog table, dialog pre, dialog label, dialog dl { margin: 0 0 10px; }
dialog pre { white-space: pre-wrap; overflow-wrap: anywhere; font: 12px/1.45 ui-monospace, 'DejaVu Sans Mono', monospace; }
dialog input, dialog select { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 5px; padding: 5px 8px; }
dialog input[type=password] { width: 100%; }
dialog .row { display: flex; flex-wrap: wrap; gap: 8px; justify-content: flex-end; align-items: center; }
dialog .start { justify-content: flex-start; margin-bottom: 10px; }
dialog button { padding: 5px 12px; }
dialog .danger { color: var(--bad); border-color: var(--bad); font-weight: 600; }
dialog .main { color: var(--accent); border-color: var(--accent); font-weight: 600; }
dialog .wrong { color: var(--bad); font-weight: 600; } dialog .wrong:empty { display: none; }
dialog .hurts { background: var(--bad-tint); border-left: 3px solid var(--bad); padding: 6px 10px; border-radius: 4px; }
dialog kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 6px; font: inherit; }
dialog .keys { display: grid; grid-template-columns: auto 1fr; gap: 5px 14px; }
@media (max-width: 900px) {
  .totals dl { grid-template-columns: repeat(4, minmax(0, 1fr)); }
}
@media (max-width: 640px) {
  .top { position: static; grid-template-columns: auto 1fr auto; padding: 8px 12px; }
  #origin { grid-column: 1 / -1; grid-row: 3; white-space: normal; }
  #verdict { grid-row: 2; font-size: 16px; }
  #connection { grid-column: 1 / -1; grid-row: 4; } #connection:empty { display: none; }
  nav { grid-column: 2 / -1; justify-content: flex-end; }
  main { grid-template-columns: minmax(0, 1fr); padding: 8px 8px 20px; gap: 8px; }
  .totals dl div { padding: 5px 8px; }
  .totals dd { font-size: 16px; }
  .panel { padding: 8px; }
}
@media (prefers-reduced-motion: no-preference) {
  .fresh { animation: fresh 3s ease-out; }
  @keyframes fresh { from { background: var(--warn-tint); } }
}
`;
