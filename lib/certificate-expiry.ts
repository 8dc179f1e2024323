// When a certificate of --tls-cert expires, on its way from the thread that serves with it to the metrics. Types only.

/** A certificate that clients are shown. */
export interface CertificateExpiry {
  /** Its file as the flag names it. */
  readonly file: string;
  /** Wall clock; NaN when its text can't be read. */
  readonly notAfterMs: number;
}
