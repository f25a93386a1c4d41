"""The app in a browser: the page, its log-in, and a process of the app for each window."""
