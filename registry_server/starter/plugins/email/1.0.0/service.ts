import { messageProblem, prepare, type EmailMessage, type SentEmail } from "./message";
import type { Transport } from "./transport";

type Fail = (message?: string, details?: Record<string, unknown>, cause?: Error) => Error;

export interface EmailDependencies {
  from: string;
  transport: Transport;
  errors: { BadRequest: Fail; BadGateway: Fail };
}

export interface EmailService {
  send(message: EmailMessage): Promise<SentEmail>;
}

export function createEmailService({ from, transport, errors }: EmailDependencies): EmailService {
  return {
    async send(message) {
      const problem = messageProblem(message);
      if (problem !== null) throw errors.BadRequest(problem);
      const email = prepare(message, from);
      try {
        return { id: await transport.deliver(email), recipients: email.to };
      } catch (error) {
        const cause = error instanceof Error ? error : undefined;
        throw errors.BadGateway("The mail server did not take the message.", undefined, cause);
      }
    },
  };
}
