// Finding and building elements. Invariant: only HTML that the server has escaped is parsed; everything else is text.

/** The element with this id, which the page has. Throws without one. */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** What {@link build} gives an element besides attributes. */
export type Child = Node | string;

/** A new element. An attribute that is false is left out. */
export function build<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | boolean>>,
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const built = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== false) built.setAttribute(name, value === true ? '' : value);
  built.append(...children);
  return built;
}

/** Replaces an element's content by HTML of the server; mere text is exchanged in place, which costs least. */
export function setContent(target: Element, html: string): void {
  const { firstChild } = target;
  if (/[<&]/.test(html)) {
    target.innerHTML = html;
    localiseTimes(target);
  } else if (firstChild instanceof Text && firstChild.nextSibling === null) {
    if (firstChild.data !== html) firstChild.data = html;
  } else {
    target.textContent = html;
  }
}

/** Writes times of day in the reader's time zone: the server gives them in UTC. */
export function localiseTimes(within: ParentNode): void {
  for (const time of within.querySelectorAll('time')) time.textContent = clockTime(Date.parse(time.dateTime));
}

/** A time of day in the reader's time zone. */
export function clockTime(atMs: number): string {
  return new Date(atMs).toLocaleTimeString('en-GB');
}
