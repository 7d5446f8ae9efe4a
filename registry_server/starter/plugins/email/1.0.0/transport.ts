import { createTransport } from "nodemailer";
import type { OutgoingEmail } from "./message";

/** Takes a message to where it is delivered from, and returns the id it got there. */
export interface Transport {
  deliver(email: OutgoingEmail): Promise<string>;
}

export function smtpTransport(url: string): Transport {
  const server = createTransport(url);
  return {
    async deliver(email) {
      const result = await server.sendMail(email);
      return result.messageId;
    },
  };
}

interface Log {
  info(message: string, data?: Record<string, unknown>): void;
}

/** For development: the message with its links is in the log, and nothing leaves the machine. */
export function logTransport(log: Log): Transport {
  return {
    async deliver(email) {
      const id = crypto.randomUUID();
      log.info(`Mail for ${email.to.join(", ")}: ${email.subject}`, { id, text: email.text ?? email.html });
      return id;
    },
  };
}
