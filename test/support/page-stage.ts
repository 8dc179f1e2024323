// A stage on which the scripts of a page of the lab run in Node: just enough of a document for uPlot, with a canvas that
// records what is drawn. It has no layout; places have a fixed width.

import { Script, createContext } from 'node:vm';

/** A call on a canvas, with its arguments. */
export interface CanvasCall {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** An element of the stage. */
export class StageElement {
  readonly tag: string;
  readonly children: StageElement[] = [];
  readonly dataset: Record<string, string> = {};
  readonly style = { setProperty: (): void => undefined };
  readonly classes = new Set<string>();
  readonly classList = {
    add: (name: string): unknown => this.classes.add(name),
    remove: (name: string): unknown => this.classes.delete(name),
    contains: (name: string): boolean => this.classes.has(name),
  };
  readonly clientWidth = 500;
  parentNode: StageElement | null = null;
  /** Of a text node. */
  nodeValue = '';
  innerHTML = '';
  hidden = true;
  href = '';
  width = 0;
  height = 0;
  readonly calls: CanvasCall[];

  constructor(tag: string, calls: CanvasCall[]) {
    this.tag = tag;
    this.calls = calls;
  }

  get textContent(): string {
    return this.nodeValue + this.children.map((child) => child.textContent).join('');
  }

  set textContent(text: string) {
    const node = new StageElement('#text', this.calls);
    node.nodeValue = text;
    this.children.splice(0, this.children.length, node);
  }

  get childNodes(): readonly StageElement[] {
    return this.children;
  }

  get firstChild(): StageElement | null {
    return this.children[0] ?? null;
  }

  appendChild(child: StageElement): StageElement {
    this.children.push(child);
    child.parentNode = this;
    return child;
  }

  insertBefore(child: StageElement, before: StageElement | null | undefined): StageElement {
    const at = before === null || before === undefined ? this.children.length : this.children.indexOf(before);
    this.children.splice(at, 0, child);
    child.parentNode = this;
    return child;
  }

  replaceChildren(): void {
    this.children.length = 0;
  }

  remove(): void {
    this.parentNode = null;
  }

  setAttribute(): void {}

  addEventListener(): void {}

  removeEventListener(): void {}

  getBoundingClientRect(): object {
    return { left: 0, top: 0, width: this.clientWidth, height: 300, right: this.clientWidth, bottom: 300 };
  }

  getContext(): unknown {
    const state: Record<string, unknown> = { canvas: this };
    return new Proxy(state, {
      get: (target, name: string) => {
        if (name in target) return target[name];
        if (name === 'measureText') return (text: string) => ({ width: 7 * text.length });
        return (...args: unknown[]): void => void this.calls.push({ name, args });
      },
      set: (target, name: string, value) => {
        target[name] = value;
        return true;
      },
    });
  }
}

/** What became of a page's scripts. */
export interface PlayedPage {
  /** The places of plots, with what was put into them. */
  readonly places: readonly StageElement[];
  /** Calls on the canvases, by place. */
  readonly drawn: readonly (readonly CanvasCall[])[];
  /** The link to the embedded run, and the text that it saves. */
  readonly save: StageElement;
  readonly saved: string;
}

/** Runs the scripts of a page in order; rejects if one throws. */
export async function playPage(html: string): Promise<PlayedPage> {
  let calls: CanvasCall[] = [];
  let saved = new Blob([]);
  const element = (tag: string): StageElement => new StageElement(tag, calls);
  const byId = new Map<string, StageElement>();
  for (const [, id = '', content = ''] of html.matchAll(/<script type="application\/json" id="(\w+)">([^<]*)<\/script>/g)) {
    const json = element('script');
    json.textContent = content;
    byId.set(id, json);
  }
  const save = element('a');
  byId.set('save', save);
  const drawn: CanvasCall[][] = [];
  const places = [...html.matchAll(/data-plot="([^"]*)"/g)].map(([, id = '']) => {
    // Each place has canvases of its own: what is made while it is filled records there.
    const place = element('div');
    const own: CanvasCall[] = [];
    drawn.push(own);
    place.dataset.plot = id;
    place.replaceChildren = () => {
      place.children.length = 0;
      calls = own;
    };
    return place;
  });
  const body = element('body');
  const media = { addEventListener: (): void => undefined, addListener: (): void => undefined, matches: false };
  const stage: Record<string, unknown> = {
    document: {
      body,
      documentElement: element('html'),
      createElement: element,
      createTextNode: (text: string) => Object.assign(element('#text'), { nodeValue: text }),
      getElementById: (id: string) => byId.get(id) ?? null,
      querySelectorAll: (selector: string) => (selector === '[data-plot]' ? places : []),
      addEventListener: (): void => undefined,
    },
    HTMLElement: StageElement,
    navigator: { language: 'en-US' },
    getComputedStyle: () => ({ getPropertyValue: (name: string) => ` ${name} ` }),
    matchMedia: () => media,
    devicePixelRatio: 1,
    innerWidth: 1000,
    addEventListener: (): void => undefined,
    removeEventListener: (): void => undefined,
    dispatchEvent: (): void => undefined,
    CustomEvent: Event,
    Path2D: class {
      moveTo(): void {}
      lineTo(): void {}
      arc(): void {}
      rect(): void {}
      closePath(): void {}
      bezierCurveTo(): void {}
    },
    Blob,
    URL: {
      createObjectURL: (blob: Blob) => {
        saved = blob;
        return 'blob:run';
      },
    },
    requestAnimationFrame: (next: () => void) => queueMicrotask(next),
    cancelAnimationFrame: (): void => undefined,
    queueMicrotask,
    setTimeout,
    clearTimeout,
  };
  stage.window = stage;
  stage.self = stage;
  const context = createContext(stage);
  for (const [, code = ''] of html.matchAll(/<script>([^]*?)<\/script>/g)) new Script(code).runInContext(context);
  // uPlot draws in a microtask.
  await new Promise(setImmediate);
  return { places, drawn, save, saved: await saved.text() };
}
