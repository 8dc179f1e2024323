// With which code a request is given up after its last attempt.

import type { OutcomeKind } from '../../routing/retry.js';
import type { AnswerCode } from '../wire/answers.js';

/** The code of our own answer after an attempt that ended so. */
export function codeOf(kind: OutcomeKind): AnswerCode {
  if (kind === 'timeout') return 'MEERCAT_HOST_TIMEOUT';
  if (kind === 'deadline') return 'MEERCAT_DEADLINE_EXCEEDED';
  return kind === 'bad-response' || kind === 'unsupported' ? 'MEERCAT_BAD_RESPONSE' : 'MEERCAT_HOST_UNREACHABLE';
}
