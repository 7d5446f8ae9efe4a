import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { keyProblem } from "./keys";
import { signKey, verifyKey } from "./links";

export interface StoredFile {
  key: string;
  size: number;
  sha256: string;
}

type Fail = (message?: string) => Error;

export interface StorageDependencies {
  root: string;
  maxBytes: number;
  linkSecret: string | undefined;
  errors: { BadRequest: Fail; Forbidden: Fail; NotFound: Fail };
}

export interface StorageService {
  /** Writes a file, whole or not at all; an older file of this key is replaced. */
  put(key: string, content: Blob | Uint8Array<ArrayBuffer> | string): Promise<StoredFile>;
  /** The file, to be read or sent: `new Response(await storage.get(key))`. */
  get(key: string): Promise<Blob>;
  exists(key: string): Promise<boolean>;
  /** `false` when there was no such file. */
  delete(key: string): Promise<boolean>;
  /** Keys below a folder, in order; all without one. */
  list(folder?: string): Promise<string[]>;
  /** Key and query of a link that works until a moment. */
  link(key: string, expiresAt: Date): string;
  /** The file behind such a link. */
  getByLink(key: string, query: URLSearchParams, now?: Date): Promise<Blob>;
}

const UPLOADS = ".uploads";
const MIN_SECRET_LENGTH = 32;

export function createStorageService(dependencies: StorageDependencies): StorageService {
  const { maxBytes, linkSecret, errors } = dependencies;
  const root = resolve(dependencies.root);
  if (linkSecret !== undefined && linkSecret.length < MIN_SECRET_LENGTH) {
    throw new Error(`storage needs a linkSecret of at least ${MIN_SECRET_LENGTH} characters.`);
  }

  function pathOf(key: string): string {
    const problem = keyProblem(key);
    if (problem !== null) throw errors.BadRequest(problem);
    return join(root, ...key.split("/"));
  }

  function secret(): string {
    if (linkSecret === undefined) throw new Error("storage needs linkSecret for links that expire.");
    return linkSecret;
  }

  async function get(key: string): Promise<Blob> {
    const file = Bun.file(pathOf(key));
    if (!(await file.exists())) throw errors.NotFound("There is no such file.");
    return file;
  }

  return {
    get,

    async put(key, content) {
      const path = pathOf(key);
      const blob = content instanceof Blob ? content : new Blob([content]);
      if (blob.size > maxBytes) throw errors.BadRequest(`A file has at most ${maxBytes} bytes.`);
      const bytes = await blob.bytes();
      // First aside, then in place: nobody ever reads half a file.
      const upload = join(root, UPLOADS, crypto.randomUUID());
      try {
        await Bun.write(upload, bytes);
        await mkdir(dirname(path), { recursive: true });
        await rename(upload, path);
      } finally {
        await rm(upload, { force: true });
      }
      const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
      return { key, size: bytes.length, sha256 };
    },

    exists: async (key) => Bun.file(pathOf(key)).exists(),

    async delete(key) {
      const file = Bun.file(pathOf(key));
      if (!(await file.exists())) return false;
      await file.delete();
      return true;
    },

    async list(folder) {
      const start = folder === undefined ? root : pathOf(folder);
      const entries = await readdir(start, { recursive: true, withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) =>
          join(entry.parentPath, entry.name)
            .slice(root.length + 1)
            .replaceAll("\\", "/"),
        )
        .filter((key) => keyProblem(key) === null)
        .sort();
    },

    link(key, expiresAt) {
      pathOf(key);
      return signKey(key, expiresAt, secret());
    },

    async getByLink(key, query, now = new Date()) {
      if (!verifyKey(key, query, secret(), now)) throw errors.Forbidden("This link is not valid any more.");
      return get(key);
    },
  };
}
