// The page that explains a past request: what `meercat why ID` prints, as JSON with its text. Any balancer of the fleet is asked
// through Redis. The rate is limited, since each question costs the balancer that answers.

import type { Clock } from '../clock.js';
import { MeercatError } from '../errors.js';
import type { FleetSight } from '../fleet-sight.js';
import { reasonOf } from '../redis/connect.js';
import { publishEvent } from '../redis/fleet-store.js';
import { isRequestId, REQUEST_ID_RULE } from '../request-id.js';
import { type FleetPage, type PageReply, replyJson } from './page-request.js';
import { askFleet, explanationFields, unknownPhrase } from './why-ask.js';
import { renderWhy } from './why-words.js';

/** A quarter of what a balancer answers: the other consoles of a fleet ask too. */
const PER_SECOND = 5;

/** What the page uses of the fleet thread. */
export type WhySight = Pick<FleetSight, 'client' | 'keys' | 'signer' | 'clock'>;

/** Builds the page. */
export function whyPage({ client, keys, signer, clock }: WhySight): FleetPage {
  const mayAsk = limitedTo(PER_SECOND, clock);
  return {
    path: '/.meercat/why',
    access: 'read',
    methods: ['GET'],
    async answer({ query }, reply) {
      const id = new URLSearchParams(query).get('id') ?? '';
      if (!isRequestId(id)) return refuse(reply, 400, 'MEERCAT_BAD_REQUEST', `ask with ?id=ID; an id is ${REQUEST_ID_RULE}`);
      if (client.status !== 'ready') return refuse(reply, 503, 'MEERCAT_NO_REDIS', 'Redis is away, and balancers are asked through it');
      if (!mayAsk())
        return refuse(reply, 429, 'MEERCAT_TOO_MANY', `this console asks ${PER_SECOND} times a second at most: try again in a second`);
      const question = { id };
      try {
        const { balancer, answer } = await askFleet(client, keys, question, undefined, (event) =>
          publishEvent(client, keys, event, signer),
        );
        if (answer.status !== 'explained' && answer.status !== 'unpicked')
          return refuse(reply, 404, 'MEERCAT_UNKNOWN_REQUEST', unknownPhrase(answer.status, balancer, question, keys));
        const text = renderWhy(balancer, question, answer, Date.now());
        return replyJson(reply, 200, { text, ...explanationFields(balancer, question, answer) });
      } catch (error) {
        if (error instanceof MeercatError) return refuse(reply, 504, error.code, error.message);
        return refuse(reply, 503, 'MEERCAT_NO_REDIS', `Redis did not take it: ${reasonOf(error)}`);
      }
    },
  };
}

function refuse(reply: PageReply, status: number, error: string, message: string): void {
  replyJson(reply, status, { error, message });
}

/** A token bucket of a second's worth: whether it may be done now. */
function limitedTo(perSecond: number, clock: Clock): () => boolean {
  let left = perSecond;
  let filledAtMs = clock();
  return () => {
    const nowMs = clock();
    left = Math.min(perSecond, left + ((nowMs - filledAtMs) * perSecond) / 1000);
    filledAtMs = nowMs;
    if (left < 1) return false;
    left--;
    return true;
  };
}
