// Asks the balancers of a fleet, through Redis, why a request went to its host: the question is an event, the answer a key
// that stands for some seconds. Used by `meercat why` and by the console.

import { randomBytes } from 'node:crypto';
import { MeercatError } from '../errors.js';
import type { Unexplained, WhyAnswer, WhyQuestion } from '../explanation.js';
import type { Commands } from '../redis/connect.js';
import type { FleetEvent } from '../redis/event-message.js';
import type { Keys } from '../redis/keys.js';
import { decodeAnswer } from '../redis/why-message.js';
import { readAsked, takeAnswer } from '../redis/why-store.js';
import { prefixOf } from '../request-id.js';
import { pickReason } from './why-words.js';

/** An answer takes some milliseconds; a balancer that is very busy may take longer. */
const ANSWER_TIMEOUT_MS = 3000;
const LOOK_EVERY_MS = 15;

/** How many names an error lists. */
const NAMES_SHOWN = 8;

/** Publishes a question; rejects when Redis does not take it. */
export type PublishQuestion = (event: FleetEvent) => Promise<unknown>;

/** Who answered, and what. */
export interface AnsweredWhy {
  readonly balancer: string;
  readonly answer: WhyAnswer;
}

/** Asks the balancers that may know, all at once; gives the first answer of one that does, or else the first that says why not. */
export async function askFleet(
  client: Commands,
  keys: Keys,
  question: WhyQuestion,
  balancer: string | undefined,
  publish: PublishQuestion,
): Promise<AnsweredWhy> {
  const names = await whoAnswers(client, keys, question, balancer);
  const asked = names.map((name) => ask(client, keys, name, question, publish));
  const isKnown = ({ answer }: AnsweredWhy): boolean => answer.status !== 'unknown';
  const known = asked.map((each) => each.then((answered) => (isKnown(answered) ? answered : Promise.reject(new Error()))));
  try {
    return await Promise.any(known);
  } catch {
    // None knows it. Who has not answered may have known it, which is worth more than that the others did not.
    const [first] = await Promise.all(asked);
    return first as AnsweredWhy;
  }
}

async function ask(client: Commands, keys: Keys, balancer: string, question: WhyQuestion, publish: PublishQuestion): Promise<AnsweredWhy> {
  const token = randomBytes(12).toString('hex');
  await publish({ kind: 'why-asked', name: balancer, asked: { token, ...question } });
  const deadlineMs = performance.now() + ANSWER_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const text = await takeAnswer(client, keys, token);
    if (text !== null) {
      const decoded = decodeAnswer(text);
      if (decoded.ok) return { balancer, answer: decoded.value };
      throw new MeercatError(
        'MEERCAT_NO_ANSWER',
        `what stands in Redis as the answer of ${balancer} is none (${decoded.reason}): is it of another version?`,
      );
    }
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new MeercatError(
    'MEERCAT_NO_ANSWER',
    `${balancer} did not answer within ${ANSWER_TIMEOUT_MS / 1000} s: it may have just ended, be of an older version, or be asked too much (20 times a second); try again`,
  );
}

/** The names of the balancers that may know: of an id that one of them made, it alone; not empty. */
async function whoAnswers(client: Commands, keys: Keys, question: WhyQuestion, wanted: string | undefined): Promise<string[]> {
  const { balancers, master } = await readAsked(client, keys);
  const [first] = balancers;
  if (first === undefined)
    throw new MeercatError('MEERCAT_UNKNOWN_BALANCER', `no balancer is in the fleet ${keys.namespace}: check --redis and --namespace`);
  if ('id' in question) {
    const prefix = prefixOf(question.id);
    const maker = balancers.find(({ instance }) => instance.startsWith(`${prefix}-`));
    return maker === undefined ? balancers.map((each) => each.name) : [maker.name];
  }
  const name = wanted ?? balancers.find((each) => each.name === master)?.name ?? first.name;
  if (balancers.some((each) => each.name === name)) return [name];
  const names = balancers.map((each) => each.name).toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  throw new MeercatError(
    'MEERCAT_UNKNOWN_BALANCER',
    `no balancer ${name} is in the fleet: it has ${names.slice(0, NAMES_SHOWN).join(', ')}${more}`,
  );
}

/** Why nobody can explain a request, in words. */
export function unknownPhrase(
  status: Exclude<Unexplained, 'unpicked'>,
  balancer: string,
  question: WhyQuestion,
  { namespace }: Keys,
): string {
  const id = 'id' in question ? question.id : '';
  switch (status) {
    case 'forgotten':
      return `${balancer} has forgotten the request ${id}: it remembers its last 4,096 requests; ask sooner, or make a dry run (meercat why GET /path)`;
    case 'unknown':
      return `no balancer of the fleet ${namespace} knows the request ${id}: the one that did has ended, was restarted or has had 4,096 requests since, or is of another --namespace`;
  }
}

/** The answer as fields of JSON. */
export function explanationFields(balancer: string, question: WhyQuestion, answer: WhyAnswer): Readonly<Record<string, unknown>> {
  if (answer.status !== 'explained') return { balancer, ...question, status: answer.status, picks: [] };
  const { explanation } = answer;
  const picks = explanation.picks.map((pick) => ({ ...pick, why: pickReason(pick) }));
  return { balancer, ...question, status: answer.status, ...explanation, picks };
}
