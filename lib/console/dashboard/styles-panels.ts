// The dashboard's stylesheet, second part: tables, bars, grids, charts. A figure changes without moving its neighbours.

/** Tables, bars, grids and charts. */
export const PANELS_CSS = `
#history-panel { grid-column: 1 / -1; }
.column { grid-column: span 9; display: flex; flex-direction: column; gap: 10px; min-width: 0; }
.column + .column { grid-column: span 3; }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 6px 20px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
thead th { vertical-align: bottom; }
th, td { text-align: left; padding: 2px 7px; font-weight: 400; white-space: nowrap; border-bottom: 1px solid var(--line); height: 24px; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--quiet); font-size: 12px; height: 20px; }
tbody th { font-weight: 600; }
th:first-child, td:first-child { padding-left: 2px; }
.num { text-align: right; }
.state, .text { white-space: normal; }
tr.bad > .state, tr.bad > .num strong { color: var(--bad); font-weight: 600; }
tr.warn > .state { color: var(--warn); font-weight: 600; }
tr.off > * { color: var(--quiet); }
tr.master > .name { color: var(--accent); }
.role, .self { color: var(--quiet); font-weight: 400; font-size: 12px; }
.self { border: 1px solid var(--line); border-radius: 4px; padding: 0 4px; }
.problem { display: block; color: var(--warn); font-style: normal; font-weight: 400; white-space: normal; }
.pool + .pool { margin-top: 12px; }
.pool > header { display: flex; gap: 10px; align-items: baseline; flex-wrap: wrap; margin-bottom: 2px; }
.pool > header .line { flex: 1; min-width: 0; }
.hosts, .balancers { table-layout: fixed; }
.hosts .name > span { overflow: hidden; text-overflow: ellipsis; }
.hosts .name, .balancers .name { overflow: hidden; text-overflow: ellipsis; }
.hosts thead .state { width: 84px; } .hosts thead .rate { width: 56px; } .hosts thead .spark { width: 9%; } .hosts thead .flight { width: 74px; }
.hosts thead .load { width: 17%; } .hosts thead .memory { width: 60px; } .hosts thead .age { width: 64px; } .hosts thead .errors { width: 56px; }
.hosts thead .p50, .hosts thead .p99 { width: 62px; }
.balancers thead .num { width: 54px; } .balancers thead .time, .balancers thead .rate { width: 72px; } .balancers thead .rank { width: 28px; }
.hand { width: 50px; text-align: right; }
thead .hand { color: transparent; }
[data-may-act=false] .hosts .hand { display: none; }
.hand-button { line-height: 1; }
.bar { width: clamp(36px, 4.2vw, 80px); height: 8px; margin-right: 7px; vertical-align: 0; border-radius: 2px; }
.track { fill: var(--track); } .fill.calm { fill: var(--fill); } .fill.busy { fill: var(--fill-busy); } .fill.full { fill: var(--fill-full); }
svg.spark { display: block; width: 100%; height: 18px; overflow: hidden; } .spark path { fill: var(--spark); stroke: var(--accent); stroke-width: 1.3; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.heat { margin: 4px 0 8px; }
.grid { display: block; width: 100%; max-width: 900px; height: auto; }
.heat figcaption { margin-top: 4px; }
.heat .legend svg { vertical-align: -1px; }
.heat-0 { fill: #e3edf6; } .heat-1 { fill: #cfe0ef; } .heat-2 { fill: #b8d2e8; } .heat-3 { fill: #9cc0de; } .heat-4 { fill: #7daad0; }
.heat-5 { fill: #5f93c0; } .heat-6 { fill: #6f7fb0; } .heat-7 { fill: #d9a441; } .heat-8 { fill: #d9782f; } .heat-9 { fill: #c4312f; }
@media (prefers-color-scheme: dark) {
  .heat-0 { fill: #1f2935; } .heat-1 { fill: #243447; } .heat-2 { fill: #2a4059; } .heat-3 { fill: #304e6d; } .heat-4 { fill: #375d83; }
  .heat-5 { fill: #3f6d9a; } .heat-6 { fill: #5b78a8; } .heat-7 { fill: #b58a2e; } .heat-8 { fill: #d0732c; } .heat-9 { fill: #e0504c; }
}
.heat-unknown { fill: none; stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 2 2; }
.heat-out { fill: none; stroke: var(--warn); stroke-width: 2; }
.heat-down { fill: none; stroke: var(--bad); stroke-width: 2.5; }
.grid .chosen { stroke: var(--focus); stroke-width: 2.5; stroke-dasharray: none; }
.chart figcaption { color: var(--quiet); font-size: 12px; display: flex; justify-content: space-between; gap: 10px; flex-wrap: wrap; }
.said { display: flex; gap: 12px; color: var(--text); font-variant-numeric: tabular-nums; }
.key.p50 { color: var(--p50); } .key.p99 { color: var(--p99); } .key.p999 { color: var(--p999); } .key.rps { color: var(--rps); } .key.errors { color: var(--errors); }
.key.at { color: var(--quiet); }
.plot { height: 112px; }
.u-legend { display: none; }
.picks canvas { display: block; width: 100%; image-rendering: pixelated; }
.picks figcaption { margin-top: 6px; }
#events-panel .scroll { max-height: 470px; overflow-y: auto; }
.events td { vertical-align: top; padding-top: 4px; line-height: 1.3; } .events .sign { margin-left: -2px; }
.none:not(:empty) + .scroll { display: none; }
#costs-panel .scroll { max-height: 330px; overflow-y: auto; }
.events .time, .slowest .time { color: var(--quiet); width: 64px; }
.slowest .name, .costs .name { font-weight: 400; max-width: 320px; overflow: hidden; text-overflow: ellipsis; }
.slowest td.num:first-child { font-weight: 600; } .slowest .num:first-child { width: 74px; }
.slowest .host { max-width: 130px; overflow: hidden; text-overflow: ellipsis; }
.why-button { padding: 0 6px; line-height: 1.3; }
@media (max-width: 1000px) {
  .column, .column + .column { grid-column: 1 / -1; }
  .charts { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 820px) {
  .wide { display: none; }
}
@media (max-width: 640px) {
  .hosts, .balancers { table-layout: auto; }
  .column, .column + .column { display: contents; }
  #history-panel { order: 2; } #hosts-panel { order: 1; } #picks-panel, #slowest-panel, #costs-panel { order: 3; } #events-panel { order: 2; }
  .mid, .hosts .others, .hosts svg.bar { display: none; }
  .balancers .num:nth-child(3), .balancers .num:nth-child(6), .balancers .num:nth-child(8) { display: none; }
  th, td { padding: 2px 4px; }
  thead th { white-space: normal; }
  .hosts thead th, .balancers thead th { width: auto !important; }
  .hosts thead .hand { font-size: 0; }
  .hosts .hand { width: 26px; padding: 2px 0; } .hosts .hand-button { padding: 2px 5px; }
  .hosts .name { max-width: 84px; overflow: hidden; text-overflow: ellipsis; }
  .slowest .name { max-width: 120px; }
  .slowest .host { max-width: 80px; }
  .hosts .state { max-width: 92px; }
}
`;
