// The beginning of a request's body, as it was sent to a host of HTTP/2. Until such a host answers it may say that it did
// not process the request (GOAWAY, REFUSED_STREAM): then the request is sent again, with the same body.

/**
 * A longer body is not kept. As many bytes may be on their way to a host that has not said anything yet: the initial
 * window (RFC 9113, section 6.9.2).
 */
const MAX_KEPT_BYTES = 65_535;

/** What was read of one body. */
export class KeptBody {
  /** In order. */
  readonly parts: Buffer[] = [];
  /** The trailers, once the body has ended. */
  trailers: readonly string[] | undefined;
  /** Whether all that was read is here. */
  isComplete = true;
  #bytes = 0;

  /** Adds a part. @param bytes valid until the call returns */
  add(bytes: Buffer): void {
    if (!this.isComplete) return;
    this.#bytes += bytes.length;
    if (this.#bytes > MAX_KEPT_BYTES) this.drop();
    else this.parts.push(Buffer.from(bytes));
  }

  /** The body has ended. */
  end(trailers: readonly string[]): void {
    this.trailers = trailers;
  }

  /** Nothing will be sent again. */
  drop(): void {
    this.isComplete = false;
    this.parts.length = 0;
  }
}
