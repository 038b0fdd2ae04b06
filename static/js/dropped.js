// What was dropped or chosen, as a flat list of files: folders are opened, whatever they hold.
(() => {
  const PICTURE = /\.(jpe?g|png|webp|tiff?|bmp)$/i;

  // a folder hands out its entries in portions, until one is empty
  function portion(reader) {
    return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
  }

  function fileOf(entry) {
    return new Promise((resolve, reject) => entry.file(resolve, reject));
  }

  async function open(entry) {
    if (entry.isFile) return [await fileOf(entry)];
    const reader = entry.createReader();
    const files = [];
    for (let found = await portion(reader); found.length; found = await portion(reader)) {
      for (const inside of found) files.push(...(await open(inside)));
    }
    return files;
  }

  // the entries are gone as soon as the event is over: they are taken before anything is awaited
  function filesOf(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.length) return Promise.resolve([...transfer.files]);
    return Promise.all(entries.map(open)).then((lists) => lists.flat());
  }

  const isPicture = (file) => PICTURE.test(file.name) && !file.name.startsWith(".");

  window.nevusDropped = { filesOf, isPicture };
})();
