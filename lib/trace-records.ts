// What the traffic thread keeps of a request that belongs to a sampled trace. Plain values: they go to the fleet thread,
// which makes spans of them. Types only.

/** A request and its attempts; ids are in hexadecimal. */
export interface TraceRecord {
  readonly traceId: string;
  /** The span of the request itself. */
  readonly spanId: string;
  /** The client's span; empty: none. */
  readonly parentId: string;
  /** The trace's tracestate; empty: none. */
  readonly state: string;
  /** When the request's head arrived, and when its answer had ended (wall clock). */
  readonly startedEpochMs: number;
  readonly endedEpochMs: number;
  readonly request: TracedRequest;
  /** In the order in which they were made. */
  readonly attempts: readonly TracedAttempt[];
}

/** The request; texts of clients are unescaped latin1. */
export interface TracedRequest {
  readonly id: string;
  readonly method: string;
  /** Without its query, which may hold what a trace must not. */
  readonly path: string;
  readonly isTls: boolean;
  readonly httpVersion: '1.0' | '1.1' | '2.0';
  /** The Host header; empty: none. */
  readonly host: string;
  readonly userAgent: string;
  /** Behind trusted proxies, the address that they name. */
  readonly clientAddress: string;
  readonly peerAddress: string;
  /** Of the answer to the client; 0: none. */
  readonly status: number;
  /** The status of gRPC that the client got; negative: none. */
  readonly grpcStatus: number;
  /** The line of its route in the site; 0: none. */
  readonly routeLine: number;
  /** Empty: none. */
  readonly pool: string;
  /** As in the access log, and so are code and reason; empty: none. */
  readonly outcome: string;
  readonly code: string;
  readonly reason: string;
  /** How long it waited for room on a host. */
  readonly queueMs: number;
}

/** One attempt; times are since the request's head arrived. */
export interface TracedAttempt {
  readonly spanId: string;
  readonly host: string;
  /** `http://10.0.0.7:3000`, or with another scheme of hosts' URLs. */
  readonly origin: string;
  readonly isHttp2: boolean;
  readonly startedMs: number;
  readonly endedMs: number;
  /** NaN: it did not get that far. */
  readonly connectedMs: number;
  readonly firstByteMs: number;
  /** Of the host's answer; 0: none. */
  readonly status: number;
  /** Of a call of gRPC; negative: none. */
  readonly grpcStatus: number;
  readonly outcome: string;
  /** Why the host failed; empty: it did not. */
  readonly reason: string;
}
