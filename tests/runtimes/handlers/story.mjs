// The story that every app is told; it needs nothing but a way to send.

/** Who has 25 credits asks for things. What each answer was. */
export async function story(send, user) {
  const told = [];
  const ask = async (pathname, name) => {
    const headers = { ...(user && { "x-user": user }), ...(name && { "x-name": name }) };
    const response = await send(pathname, headers);
    const body = await response.text();
    const said = body.startsWith("{") ? JSON.parse(body) : {};
    const { left, code, current_balance: has, requested } = said;
    told.push([pathname, response.status, left ?? code ?? null, has ?? null, requested ?? null]);
  };
  await ask("/image", "one");
  await ask("/image", "one");
  await ask("/lost", "two");
  await ask("/lost", "two");
  await ask("/dear");
  await ask("/broken");
  await ask("/chat");
  return told;
}
