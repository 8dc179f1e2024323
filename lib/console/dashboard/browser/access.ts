// The console's token: kept for this tab only, sent with every request, and never shown. It comes from the form, or
// stands behind the # of an address that `meercat up` prints, and is then taken out of the address.

const STORED = 'meercat-token';

let token = '';

/** Takes the token from the address or from what this tab has stored. */
export function takeToken(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given !== null) history.replaceState(null, '', location.pathname + location.search);
  try {
    if (given !== null) sessionStorage.setItem(STORED, given);
    token = given ?? sessionStorage.getItem(STORED) ?? '';
  } catch {
    // Without a store the token lasts as long as the page.
    token = given ?? '';
  }
}

/** Whether there is a token, right or wrong. */
export function isTokenKnown(): boolean {
  return token !== '';
}

/** Keeps a token; an empty one forgets it. */
export function keepToken(value: string): void {
  token = value;
  try {
    if (value === '') sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, value);
  } catch {
    // As above.
  }
}

/** Asks the console, with the token where there is one. */
export function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token !== '') headers.set('Authorization', `Bearer ${token}`);
  return fetch(path, { ...init, headers, cache: 'no-store', credentials: 'omit', redirect: 'error' });
}

/** What the console says to an act. */
export interface ActAnswer {
  readonly status: number;
  readonly ok: boolean;
  /** What is, or would be, done; or why not. */
  readonly text: string;
  readonly effects: readonly { readonly host: string; readonly loadBefore: number | null; readonly loadAfter: number | null }[];
  readonly needsForce: boolean;
  readonly isHurting: boolean;
}

/** Asks for an act, or for a preview of one. Never rejects: what goes wrong is said in the answer, with status 0. */
export async function askAct(act: Readonly<Record<string, unknown>>): Promise<ActAnswer> {
  const nothing = { effects: [], needsForce: false, isHurting: false };
  try {
    const response = await ask('/.meercat/act', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(act),
    });
    const said = (await response.json()) as Partial<ActAnswer> & { message?: string };
    const text = said.text ?? said.message ?? `the console answered ${response.status}`;
    return { ...nothing, ...said, status: response.status, ok: response.ok && said.ok !== false, text };
  } catch {
    return { ...nothing, status: 0, ok: false, text: 'The console did not answer.' };
  }
}

/** Whether the token is the right one: asks for a preview, which does nothing. Undefined when it can't be known now. */
export async function isTokenRight(): Promise<boolean | undefined> {
  const { status } = await askAct({ act: 'restart', target: 'fleet', preview: true });
  if (status === 401 || status === 403) return false;
  return status === 0 || status === 429 || status >= 500 ? undefined : true;
}
