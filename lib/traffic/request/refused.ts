// Logs input that was refused before it became a request: it gets an id, a line in the access log and one in the log at
// `debug`, and `meercat why` can explain it.

import { requestIdOf } from '../../request-id.js';
import type { AnswerCode } from '../wire/answers.js';
import type { ClientFacts } from '../wire/headers.js';
import type { ExchangeContext } from './exchange-context.js';
import { refusedRecordOf } from './story.js';

/**
 * Logs a refusal; gives its id.
 * @param line the first line of the input, or empty
 * @param reason in a few words
 */
export function logRefused(
  { ids, clock, accessLog, reasonLog }: Pick<ExchangeContext, 'ids' | 'clock' | 'accessLog' | 'reasonLog'>,
  facts: ClientFacts,
  code: AnswerCode,
  line: string,
  reason: string,
): string {
  const atMs = clock();
  const request = ids.log.open(atMs, '', 0, false);
  const id = requestIdOf(ids.prefix, request);
  ids.failures.add(request, { atMs, id, className: '', code, failures: [{ attempt: 0, host: null, outcome: 'refused', reason }] });
  accessLog?.write(refusedRecordOf(facts, code, line, reason, id));
  reasonLog?.note('request refused', { id, client: facts.address, code, reason });
  return id;
}
