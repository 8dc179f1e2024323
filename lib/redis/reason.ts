// What ioredis and Redis say when something fails, as one phrase for a person.

import { messageOf } from '../errors.js';

/** The reason when none is known. */
export const CLOSED = 'the connection was closed';

/** What Redis says of a database that it does not have. */
export const NO_DATABASE = /DB index is out of range/;

/** An error as one phrase for a person; without the address, which the caller knows. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error);
  const { message } = error;
  if (message.startsWith('NOAUTH')) return 'NOAUTH: it wants a password';
  if (message.startsWith('Unknown RESP type')) return 'what answers there is no Redis';
  if (message.startsWith("Stream isn't writeable")) return 'not connected';
  if (message.startsWith('Reached the max retries')) return CLOSED;
  const { code } = error as { code?: string };
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name is not known';
  if (error.message === 'Connection is closed.') return CLOSED;
  if (error.message.startsWith('All sentinels are unreachable')) return 'no Sentinel can be reached, or none knows this master';
  return messageOf(error);
}
