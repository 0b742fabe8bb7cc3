// Pages that well-known images serve.

/** nginx's welcome page, with the pod's name in it, so that one can tell which pod answered. */
export const NGINX_INDEX = (hostname: string): string => `<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
</head>
<body>
<h1>Welcome to nginx!</h1>
<p>Server name: ${hostname}</p>
<p><em>Thank you for using nginx.</em></p>
</body>
</html>
`;

/** ngx_http_special_response.c. */
export const nginxError = (status: number, text: string): string =>
  `<html>\r\n<head><title>${status} ${text}</title></head>\r\n<body>\r\n<center><h1>${status} ${text}</h1></center>\r\n<hr><center>nginx/1.27.4</center>\r\n</body>\r\n</html>\r\n`;
