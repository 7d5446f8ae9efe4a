/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  search_documents: SearchDocumentsTable;
  search_terms: SearchTermsTable;
}

export interface SearchDocumentsTable {
  id: string;
  collection: string;
  title: string;
  body: string;
}

export interface SearchTermsTable {
  term: string;
  document_id: string;
  weight: number;
}
