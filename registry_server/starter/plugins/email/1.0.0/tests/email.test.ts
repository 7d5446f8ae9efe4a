import { beforeEach, describe, expect, test } from "bun:test";
import { messageProblem, type OutgoingEmail } from "../message";
import { createEmailService, type EmailService } from "../service";
import { errors } from "./support";

const message = { to: "ada@example.org", subject: "Hello", text: "Hello Ada." };

describe("a message", () => {
  test("with a recipient, a subject and a text is fine", () => {
    expect(messageProblem(message)).toBeNull();
    expect(messageProblem({ to: ["ada@example.org"], subject: "Hello", html: "<p>Hello</p>" })).toBeNull();
  });

  test.each([
    { ...message, to: [] },
    { ...message, to: "ada" },
    { ...message, to: ["ada@example.org", "Bob <bob@example.org>"] },
    { ...message, replyTo: "nobody" },
    { ...message, subject: " " },
    { ...message, text: "" },
  ])("that is not complete is refused (%#)", (incomplete) => {
    expect(messageProblem(incomplete)).toBeString();
  });

  test("cannot smuggle a header into its subject", () => {
    expect(messageProblem({ ...message, subject: "Hello\r\nBcc: everyone@example.org" })).toBe(
      "A subject is one line.",
    );
  });

  test("has at most 50 recipients", () => {
    const to = Array.from({ length: 51 }, (_, index) => `person${index}@example.org`);
    expect(messageProblem({ ...message, to })).toContain("at most 50");
  });
});

describe("sending", () => {
  let delivered: OutgoingEmail[];
  let email: EmailService;

  beforeEach(() => {
    delivered = [];
    const transport = { deliver: async (outgoing: OutgoingEmail) => `id-${delivered.push(outgoing)}` };
    email = createEmailService({ from: "Example <hello@example.org>", transport, errors });
  });

  test("delivers once to each recipient, from the configured sender", async () => {
    const sent = await email.send({ ...message, to: ["ada@example.org", "ada@example.org"] });
    expect(sent).toEqual({ id: "id-1", recipients: ["ada@example.org"] });
    expect(delivered).toMatchObject([{ from: "Example <hello@example.org>", to: ["ada@example.org"] }]);
  });

  test("refuses an incomplete message before any server sees it", async () => {
    await expect(email.send({ ...message, to: "ada" })).rejects.toMatchObject({ status: 400 });
    expect(delivered).toEqual([]);
  });

  test("says so when the mail server refuses", async () => {
    const transport = { deliver: () => Promise.reject(new Error("550 mailbox unavailable")) };
    const failing = createEmailService({ from: "hello@example.org", transport, errors });
    await expect(failing.send(message)).rejects.toMatchObject({ status: 502 });
  });
});
