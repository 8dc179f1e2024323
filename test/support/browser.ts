// Debian's chromium for tests of pages, without a window, driven by the DevTools protocol over a pipe: no port that another
// program could use, no download, no library. Whatever a page complains of is collected, so that tests can refuse it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { withTempDir } from './places.js';
import { findTool } from './tools.js';
import { until } from './until.js';

/** The answer to a command of the protocol (https://chromedevtools.github.io/devtools-protocol/). */
export type CdpResult = Readonly<Record<string, unknown>>;

/** What a page looks like from outside. */
export interface Viewport {
  readonly width: number;
  readonly height: number;
  readonly isMobile?: boolean;
  readonly isDark?: boolean;
}

/** Something with a role and a name, as a screen reader is told. */
export interface AccessibleNode {
  readonly role: string;
  readonly name: string;
}

/** An answer that the page got. */
export interface PageResponse {
  readonly url: string;
  readonly status: number;
  /** As ALPN calls it, such as `h2`. */
  readonly protocol: string;
  readonly connectionId: number;
}

/** A browser with one page. */
export class BrowserPage {
  /** Errors, warnings of violated policies, and exceptions that the page did not catch. */
  readonly complaints: string[] = [];
  /** Addresses that the page asked for. */
  readonly requests: string[] = [];
  /** What came for them, without data URLs. */
  readonly responses: PageResponse[] = [];
  readonly #link: CdpLink;
  readonly #session: string;

  private constructor(link: CdpLink, session: string) {
    this.#link = link;
    this.#session = session;
    link.onEvent = (method, params) => this.#onEvent(method, params);
  }

  /** @param link a browser that has just been started */
  static async open(link: CdpLink): Promise<BrowserPage> {
    const { targetId } = await link.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await link.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new BrowserPage(link, sessionId as string);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Performance', 'Accessibility']) await page.send(`${domain}.enable`);
    return page;
  }

  /** A command of the protocol to the page. */
  send(method: string, params: CdpResult = {}): Promise<CdpResult> {
    return this.#link.send(method, params, this.#session);
  }

  /** Opens an address, and waits until it is loaded. */
  async goTo(url: string): Promise<void> {
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText !== undefined) throw new Error(`${url}: ${String(errorText)}`);
    await until(() => this.evaluate<boolean>('document.readyState === "complete" && location.href !== "about:blank"'), { what: url });
  }

  /** Size and colours from now on. */
  async look({ width, height, isMobile = false, isDark = false }: Viewport): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: isMobile });
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: isDark ? 'dark' : 'light' }] });
  }

  /** The value of an expression in the page; a promise is awaited. Rejects with what it throws. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    })) as { result: { value: T }; exceptionDetails?: { exception?: { description?: string } } };
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? 'the page threw');
    return result.value;
  }

  /** The text of an element; '' without one. */
  textOf(selector: string): Promise<string> {
    return this.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`);
  }

  /** Clicks on an element, in its middle; it must be visible. */
  async click(selector: string): Promise<void> {
    const [x, y] = await until(
      () =>
        this.evaluate<[number, number] | null>(`(() => {
          const element = document.querySelector(${JSON.stringify(selector)});
          element?.scrollIntoView({ block: 'center' });
          const box = element?.getBoundingClientRect();
          return box && box.width > 0 && !element.disabled ? [box.x + box.width / 2, box.y + box.height / 2] : null;
        })()`),
      { what: `${selector} to be there` },
    );
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
    }
  }

  /** Presses a key, such as `Tab` or `?`. */
  async press(key: string): Promise<void> {
    const codes: Readonly<Record<string, number>> = { Tab: 9, Enter: 13, Escape: 27, ArrowRight: 39, ArrowDown: 40 };
    const text = key.length === 1 ? { text: key } : key === 'Enter' ? { text: '\r' } : {};
    const code = codes[key] ?? key.toUpperCase().charCodeAt(0);
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, windowsVirtualKeyCode: code, ...text });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key, windowsVirtualKeyCode: code });
  }

  /** Types text where the focus is. */
  async type(text: string): Promise<void> {
    await this.send('Input.insertText', { text });
  }

  /** All that a screen reader is told. */
  async accessibleNodes(): Promise<AccessibleNode[]> {
    const { nodes } = (await this.send('Accessibility.getFullAXTree')) as {
      nodes: { ignored: boolean; role?: { value: string }; name?: { value: string } }[];
    };
    return nodes.filter(({ ignored }) => !ignored).map(({ role, name }) => ({ role: role?.value ?? '', name: name?.value ?? '' }));
  }

  /** Seconds since the page's start by metric, such as `ScriptDuration`. */
  async metrics(): Promise<Map<string, number>> {
    const { metrics } = (await this.send('Performance.getMetrics')) as { metrics: { name: string; value: number }[] };
    return new Map(metrics.map(({ name, value }) => [name, value]));
  }

  /** A PNG of what is seen. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(data as string, 'base64');
  }

  #onEvent(method: string, params: CdpResult): void {
    if (method === 'Network.requestWillBeSent') this.requests.push((params['request'] as { url: string }).url);
    if (method === 'Network.responseReceived') {
      const { url, status, protocol = '', connectionId } = params['response'] as PageResponse;
      if (!url.startsWith('data:')) this.responses.push({ url, status, protocol, connectionId });
    }
    if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params['exceptionDetails']));
    if (method === 'Runtime.consoleAPICalled' && ['error', 'warning'].includes(params['type'] as string)) {
      this.complaints.push(JSON.stringify(params['args']));
    }
    if (method === 'Log.entryAdded') {
      const { level, text, url } = params['entry'] as { level: string; text: string; url?: string };
      if (level === 'error' || level === 'warning') this.complaints.push(`${text} ${url ?? ''}`);
    }
  }
}

/** Commands and answers, each a JSON text that a zero byte ends, over two pipes. */
class CdpLink {
  onEvent: (method: string, params: CdpResult) => void = () => undefined;
  readonly #out: Writable;
  readonly #waiting = new Map<number, { resolve(result: CdpResult): void; reject(error: Error): void }>();
  #lastId = 0;

  constructor(out: Writable, input: Readable) {
    this.#out = out.on('error', () => undefined);
    let rest = '';
    input.setEncoding('utf8').on('data', (chunk: string) => {
      const messages = (rest + chunk).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#take(JSON.parse(message) as CdpResult);
    });
    input.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser ended'));
      this.#waiting.clear();
    });
  }

  send(method: string, params: CdpResult = {}, sessionId?: string): Promise<CdpResult> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#out.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
    });
  }

  #take({ id, method, params, result, error }: CdpResult): void {
    if (typeof id !== 'number') return this.onEvent(method as string, params as CdpResult);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve((result ?? {}) as CdpResult);
    else waiting?.reject(new Error((error as { message: string }).message));
  }
}

/** Nothing but the page: no services of its maker, no store of passwords, no sandbox where tests run as root. */
const FLAGS = [
  '--headless=new',
  '--remote-debugging-pipe',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--hide-scrollbars',
  '--mute-audio',
  '--password-store=basic',
  '--use-mock-keychain',
  '--no-proxy-server',
  // Only this machine is there.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

/**
 * Starts a browser with one page, hands it out, and ends it with all its processes. Where there is no browser, that is
 * said and nothing is done; in CI it throws.
 */
export function withBrowser(fn: (page: BrowserPage) => Promise<void>): Promise<void> {
  const browser = findTool('chromium', 'chromium');
  if (browser === null) return Promise.resolve();
  return withTempDir(async (dir) => {
    const child = spawn(browser, [...FLAGS, `--user-data-dir=${dir}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, HOME: dir, XDG_CONFIG_HOME: dir, XDG_CACHE_HOME: dir },
    });
    const said: string[] = [];
    child.stderr?.setEncoding('utf8').on('data', (text: string) => said.push(text));
    const link = new CdpLink(child.stdio[3] as Writable, child.stdio[4] as Readable);
    try {
      await fn(await BrowserPage.open(link));
    } catch (thrown) {
      if (child.exitCode !== null)
        throw new Error(`the browser ended with ${child.exitCode}: ${said.join('').slice(-500)}`, { cause: thrown });
      throw thrown;
    } finally {
      await endBrowser(child, link);
    }
  });
}

/** In good order, so that none of its processes stays; by force when that takes too long. */
async function endBrowser(child: ChildProcess, link: CdpLink): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = once(child, 'exit');
  const killing = setTimeout(() => child.kill('SIGKILL'), 5000);
  link.send('Browser.close').catch(() => child.kill());
  await ended;
  clearTimeout(killing);
}
