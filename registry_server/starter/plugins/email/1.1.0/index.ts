import { createPlugin } from "@donkeylabs/server";
import { createEmailService, type EmailService } from "./service";
import { logTransport, smtpTransport } from "./transport";

export type { EmailMessage, SentEmail } from "./message";
export type { EmailService, TemplateMessage } from "./service";
export type { EmailTemplate, TemplateValues } from "./templates";

export interface EmailConfig {
  /** Sender of every message, such as `Example <hello@example.org>`. */
  from: string;
  /** Address of the mail server, with user and password; without it messages are logged, not sent. */
  smtpUrl?: string;
}

export const emailPlugin = createPlugin.withConfig<EmailConfig>().define({
  name: "email",

  service: async (ctx): Promise<EmailService> => {
    const { from, smtpUrl } = ctx.config;
    if (smtpUrl === undefined) ctx.core.logger.warn("No SMTP server is set: mail is logged, not sent.");
    return createEmailService({
      from,
      transport: smtpUrl === undefined ? logTransport(ctx.core.logger) : smtpTransport(smtpUrl),
      errors: ctx.core.errors,
    });
  },
});
