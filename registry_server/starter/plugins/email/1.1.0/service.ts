import { messageProblem, prepare, type EmailMessage, type SentEmail } from "./message";
import { missingValues, renderTemplate, type EmailTemplate, type TemplateValues } from "./templates";
import type { Transport } from "./transport";

type Fail = (message?: string, details?: Record<string, unknown>, cause?: Error) => Error;

export interface EmailDependencies {
  from: string;
  transport: Transport;
  errors: { BadRequest: Fail; BadGateway: Fail; NotFound: Fail };
}

export interface TemplateMessage {
  to: string | readonly string[];
  template: string;
  values?: TemplateValues;
  replyTo?: string;
}

export interface EmailService {
  send(message: EmailMessage): Promise<SentEmail>;
  /** Makes a template known under a name; the same name again replaces it. */
  defineTemplate(name: string, template: EmailTemplate): void;
  sendTemplate(message: TemplateMessage): Promise<SentEmail>;
}

export function createEmailService({ from, transport, errors }: EmailDependencies): EmailService {
  const templates = new Map<string, EmailTemplate>();

  async function send(message: EmailMessage): Promise<SentEmail> {
    const problem = messageProblem(message);
    if (problem !== null) throw errors.BadRequest(problem);
    const email = prepare(message, from);
    try {
      return { id: await transport.deliver(email), recipients: email.to };
    } catch (error) {
      const cause = error instanceof Error ? error : undefined;
      throw errors.BadGateway("The mail server did not take the message.", undefined, cause);
    }
  }

  return {
    send,

    defineTemplate(name, template) {
      templates.set(name, template);
    },

    async sendTemplate({ to, template: name, values = {}, replyTo }) {
      const template = templates.get(name);
      if (template === undefined) throw errors.NotFound(`There is no email template named ${name}.`);
      const missing = missingValues(template, values);
      if (missing.length > 0) {
        throw errors.BadRequest(`The email template ${name} needs ${missing.join(", ")}.`);
      }
      return send({ to, replyTo, ...renderTemplate(template, values) });
    },
  };
}
