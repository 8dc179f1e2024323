// Replies of a pipeline. Invariant: what could not be read is never taken for what is not there.

/** What `pipeline.exec()` of ioredis resolves to. */
export type PipelineReplies = readonly (readonly [error: Error | null, reply: unknown])[] | null;

/**
 * Returns the reply to the command at `index`; null if its key holds another type than Meercat writes. Throws every
 * other error, such as a timeout in the middle of the replies or a command that Redis denies.
 */
export function readReply(replies: PipelineReplies, index: number): unknown {
  const [error, reply] = replies?.[index] ?? [new Error('Redis sent no reply'), null];
  if (error === null) return reply;
  if (error.message.includes('WRONGTYPE')) return null;
  throw error;
}
