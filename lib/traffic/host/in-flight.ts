// A request in flight on a host, as far as the books of the pool are concerned.

/** One attempt to have a host answer a request. */
export interface InFlight {
  /** Its place in the host's list. */
  place: number;
  /** The request's class, and the work that it is expected to be (ms of CPU). */
  readonly classId: number;
  readonly cost: number;
  /** When it began, by the process's clock. */
  readonly startedAtMs: number;
  /** Bytes of the answer's body so far. */
  readonly bodyBytes: number;
  /** The CPU that the request took, as the host said in its answer (ms); NaN when it did not. */
  readonly saidCpuMs: number;
  /** Ends it as if the host had died. */
  abort(): void;
}
