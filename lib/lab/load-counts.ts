// What the connections of a load share: what they count, and how they know that its time is up. Every kind of
// connection (http-load.ts, websocket-load.ts) and the load itself (closed-load.ts) use these types.

/** What the connections of a load count together. */
export interface Counts {
  requests: number;
  /** Answers that were wrong, and connections that ended before their time. */
  wrong: number;
}

/** Whether the load's time is up. */
export type LoadEnd = () => boolean;
