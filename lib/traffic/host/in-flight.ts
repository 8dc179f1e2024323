// A request in flight on a host, as KnownHosts counts it.

/** One attempt to have a host answer a request. */
export interface InFlight {
  /** Its index in the host's list. */
  place: number;
  /** The request's class, and its expected cost (ms of CPU). */
  readonly classId: number;
  readonly cost: number;
  /** When it began, by the process's clock. */
  readonly startedAtMs: number;
  /** Since when it is the host's turn (process's clock); NaN while it is the client's, and when long-lived. */
  awaitedSinceMs: number;
  /** The host's turns before that, in ms. */
  hostMs: number;
  /** Whether it counts as long-lived, and whether it has proved to be; set the former before it begins if that is expected. */
  isLongLived: boolean;
  isProvenLong: boolean;
  /** When the answer's first byte arrived (process's clock); NaN before. */
  readonly firstByteAtMs: number;
  /** The status of a call of gRPC in the host's answer; negative: none. */
  readonly grpcStatus: number;
  /** The CPU time (ms) of the request, as reported in the host's answer; NaN without a report. */
  readonly saidCpuMs: number;
  /** Aborts it as if the host had died. */
  abort(): void;
}
