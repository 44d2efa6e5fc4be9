/** The folder of the models; `undefined` where the browser keeps none for this page. */
export async function openFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle('linnet-models', { create: true });
  } catch {
    return undefined;
  }
}
