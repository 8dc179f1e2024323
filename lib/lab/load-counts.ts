// Types shared by the connections of a load (http-load.ts, websocket-load.ts) and the load itself (closed-load.ts): the
// common counters, and the check for the end of the load.

/** Counters shared by all connections of a load. */
export interface Counts {
  requests: number;
  /** Wrong responses, and connections that ended early. */
  wrong: number;
}

/** Whether the load's time is up. */
export type LoadEnd = () => boolean;
