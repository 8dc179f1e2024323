// The one error class of Meercat. Its codes are stable: scripts and tests may rely on them.
// An expected outcome is a value, not an error; this is for failed starts and refused input.

/** Every code that a {@link MeercatError} can carry. */
export const ERROR_CODES = [
  'MEERCAT_BAD_CONFIG',
  'MEERCAT_PORT_TAKEN',
  'MEERCAT_NAME_TAKEN',
  'MEERCAT_NO_REDIS',
  'MEERCAT_SEVERAL_FLEETS',
  'MEERCAT_NO_FLEET',
  'MEERCAT_KEY_NEEDED',
  'MEERCAT_NO_SITE',
  'MEERCAT_BAD_SITE',
  'MEERCAT_SITE_CONFLICT',
  'MEERCAT_SITE_REFUSED',
  'MEERCAT_UNKNOWN_HOST',
  'MEERCAT_UNKNOWN_POOL',
  'MEERCAT_UNKNOWN_BALANCER',
  'MEERCAT_UNKNOWN_REQUEST',
  'MEERCAT_REQUEST_REFUSED',
  'MEERCAT_NO_ANSWER',
  'MEERCAT_START_FAILED',
  'MEERCAT_RESTART_FAILED',
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** An error whose message is one line that a user can act on, with a stable code. */
export class MeercatError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MeercatError';
    this.code = code;
  }
}

/** The message of any thrown value, on one line. */
export function messageOf(thrown: unknown): string {
  // A connect to several addresses failed; the error itself has no message.
  if (thrown instanceof AggregateError && thrown.message === '') return thrown.errors.map(messageOf).join('; ');
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
