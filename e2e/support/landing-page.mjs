// The front page.

export class LandingPage {
  constructor(page) {
    this.page = page;
    const part = (selector) => page.locator(selector);
    this.form = part('.card');
    this.room = page.locator('#room');
    this.nickname = page.locator('#nickname');
    this.go = part('.go');
    this.random = part('.random-room');
    this.recent = part('.recent');
    this.roomWarning = part('.room-warning');
    this.roomError = part('.room-error');
    this.nicknameError = part('.nickname-error');
    this.language = part('.language');
    this.theme = part('.theme');
  }

  async open(origin) {
    await this.page.goto(`${origin}/`);
    await this.form.waitFor();
  }
}
