// Pictures made in the browser: a frame of a video, and a look at a picture before it is sent.

/** The widest picture that is made; a page shows none wider. */
const WIDTH = 1280;
const QUALITY = 0.86;

/** Draws what `source` shows; null where it shows nothing that can be drawn. */
function draw(source, width, height) {
  if (!width || !height) return null;
  const scale = Math.min(1, WIDTH / width);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The frame that a video shows: its bytes as JPEG, and an address to show it by. Null where there is none. */
export async function frameOf(video) {
  const canvas = video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA ? null : draw(video, video.videoWidth, video.videoHeight);
  if (!canvas) return null;
  const bytes = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  return bytes && { bytes, shown: canvas.toDataURL("image/jpeg", QUALITY) };
}

/** A picture that somebody chose, sent as it is. Null where the browser cannot read it. */
export async function pictureOf(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const canvas = draw(bitmap, bitmap.width, bitmap.height);
    bitmap.close();
    return canvas && { bytes: file, shown: canvas.toDataURL("image/jpeg", QUALITY) };
  } catch {
    return null;
  }
}
