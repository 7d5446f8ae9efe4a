export interface EmailMessage {
  to: string | readonly string[];
  subject: string;
  text?: string;
  html?: string;
  replyTo?: string;
}

export interface SentEmail {
  id: string;
  recipients: string[];
}

/** A message that is complete and safe to hand to a mail server. */
export interface OutgoingEmail {
  from: string;
  to: string[];
  subject: string;
  text?: string;
  html?: string;
  replyTo?: string;
}

const ADDRESS = /^[^\s@,;:<>()[\]\\"]+@[^\s@.]+(?:\.[^\s@.]+)+$/;
const LINE_BREAK = /[\r\n]/;
const MAX_RECIPIENTS = 50;

/** Why a message cannot be sent, as a sentence; `null` when it can. */
export function messageProblem(message: EmailMessage): string | null {
  const to = recipientsOf(message);
  if (to.length === 0) return "A message needs a recipient.";
  if (to.length > MAX_RECIPIENTS) return `A message has at most ${MAX_RECIPIENTS} recipients.`;
  const wrong = [...to, message.replyTo ?? to[0]].find((address) => !ADDRESS.test(address ?? ""));
  if (wrong !== undefined) return `This is not an email address: ${JSON.stringify(wrong)}.`;
  if (message.subject.trim() === "") return "A message needs a subject.";
  if (LINE_BREAK.test(message.subject)) return "A subject is one line.";
  if (!message.text && !message.html) return "A message needs a text.";
  return null;
}

export function prepare(message: EmailMessage, from: string): OutgoingEmail {
  return { ...message, from, to: recipientsOf(message), subject: message.subject.trim() };
}

function recipientsOf({ to }: EmailMessage): string[] {
  return [...new Set(typeof to === "string" ? [to] : to)];
}
