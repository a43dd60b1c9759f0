/**
 * Makes an element. Text is only ever set as text: nothing that the node says can become markup.
 * `props` are attributes, but for `class` and for `vars`, its own CSS variables.
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name === 'class') element.className = value
    else if (name === 'vars')
      for (const [key, text] of Object.entries(value)) element.style.setProperty(key, String(text))
    // For `aria-hidden` an empty value is none.
    else element.setAttribute(name, value === true && !name.startsWith('aria-') ? '' : value)
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false))
  return element
}

export function byId(id) {
  return document.getElementById(id)
}

/** Sets a text only where it changes: what is selected or read aloud meanwhile stays. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

const shown = new WeakMap()

/** Draws a part of the page anew, only when what it shows has changed. */
export function draw(element, data, make) {
  const key = JSON.stringify(data)
  if (shown.get(element) === key) return
  shown.set(element, key)
  element.replaceChildren(...[make(data)].flat(Infinity).filter(Boolean))
}
