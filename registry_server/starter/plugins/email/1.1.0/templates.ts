/** `{{name}}` in a part stands for a value. */
export interface EmailTemplate {
  subject: string;
  text: string;
  html?: string;
}

export type TemplateValues = Record<string, string | number>;

export interface RenderedTemplate {
  subject: string;
  text: string;
  html?: string;
}

const PLACEHOLDER = /\{\{\s*([A-Za-z][A-Za-z0-9_]*)\s*\}\}/g;
const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** Placeholders of the template that have no value, each once. */
export function missingValues(template: EmailTemplate, values: TemplateValues): string[] {
  const source = `${template.subject}\n${template.text}\n${template.html ?? ""}`;
  const names = [...source.matchAll(PLACEHOLDER)].map((match) => match[1] ?? "");
  return [...new Set(names)].filter((name) => !Object.hasOwn(values, name));
}

/** Values are escaped in the HTML part, and lose their line breaks in the subject. */
export function renderTemplate(template: EmailTemplate, values: TemplateValues): RenderedTemplate {
  const fill = (source: string, encode: (value: string) => string) =>
    source.replace(PLACEHOLDER, (_, name: string) => encode(String(values[name])));
  const rendered: RenderedTemplate = {
    subject: fill(template.subject, (value) => value.replace(/[\r\n]+/g, " ")),
    text: fill(template.text, (value) => value),
  };
  if (template.html !== undefined) rendered.html = fill(template.html, escapeHtml);
  return rendered;
}
