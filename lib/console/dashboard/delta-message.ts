// The JSON of one event of the dashboard's stream: what differs from the event before; the first one is the whole.
// Types only: the server writes it, and the page's module reads it.

/** How a table changes, in this order: new rows, cells, moods, and then the order, which drops rows that it does not name. */
export interface TableDelta {
  readonly id: string;
  /** Key and HTML of each new row. */
  readonly added?: readonly (readonly [key: string, html: string])[];
  /** The content of cells. */
  readonly cells?: readonly (readonly [key: string, index: number, html: string])[];
  readonly moods?: readonly (readonly [key: string, mood: string])[];
  /** All keys; absent while the order is the same. */
  readonly order?: readonly string[];
}

/** How a grid changes. Its names change with the slot that it stands in. */
export interface GridDelta {
  readonly id: string;
  readonly names?: readonly string[];
  readonly cells: readonly (readonly [index: number, level: string, phrase: string])[];
}

/** A point of the charts; null is a gap. */
export type ChartPoint = readonly [
  atMs: number,
  rps: number | null,
  errorRps: number | null,
  p50Ms: number | null,
  p99Ms: number | null,
  p999Ms: number | null,
];

/** An event that the charts mark. */
export type ChartMark = readonly [atMs: number, sign: string, text: string];

/** Who picked which host. */
export interface PicksDelta {
  readonly balancers: readonly string[];
  readonly hosts: readonly string[];
  /** For each balancer one character a host: picks over the fair share in tenths, in base 36, at most `z` (3.5); `.` for none due. */
  readonly ratios: readonly string[];
}

/** One event of the stream. */
export interface DashboardDelta {
  /** True when it is the whole: what the page holds besides is to be forgotten. */
  readonly isWhole?: boolean;
  readonly atMs: number;
  /** Of the verdict; for the tab's icon. */
  readonly level?: string;
  readonly title?: string;
  /** The content of elements, by id. */
  readonly slots?: readonly (readonly [id: string, html: string])[];
  readonly tables?: readonly TableDelta[];
  readonly grids?: readonly GridDelta[];
  /** Points to add to the charts, or, with `isNewHistory`, all of them. */
  readonly history?: readonly ChartPoint[];
  readonly isNewHistory?: boolean;
  /** All marks. */
  readonly marks?: readonly ChartMark[];
  readonly picks?: PicksDelta;
}
