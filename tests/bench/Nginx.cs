using System.Diagnostics;

namespace JitGrains.Bench;

/// <summary>nginx with one worker that asks another server, which answers 204 at once, about each request (auth_request).</summary>
internal static class Nginx
{
    public static async Task<ServerProcess> StartAsync(int upstream)
    {
        var folder = Directory.CreateTempSubdirectory("jitgrains-nginx-").FullName;
        var (port, judge) = (ServerProcess.FreePort(), ServerProcess.FreePort());
        var file = Path.Combine(folder, "nginx.conf");
        await File.WriteAllTextAsync(
            file,
            $$"""
            daemon off;
            master_process off;
            worker_processes 1;
            pid {{folder}}/pid;
            error_log {{folder}}/error.log;
            events { worker_connections 1024; }
            http {
                access_log off;
                keepalive_requests 1000000000;
                client_body_temp_path {{folder}}/body;
                proxy_temp_path {{folder}}/proxy;
                upstream api { server 127.0.0.1:{{upstream}}; keepalive 128; keepalive_requests 1000000000; }
                upstream judge { server 127.0.0.1:{{judge}}; keepalive 128; keepalive_requests 1000000000; }
                server {
                    listen 127.0.0.1:{{port}};
                    location / {
                        auth_request /judge;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_pass http://api;
                    }
                    location = /judge {
                        internal;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_set_header Content-Length "";
                        proxy_pass_request_body off;
                        proxy_pass http://judge;
                    }
                }
                server { listen 127.0.0.1:{{judge}}; return 204; }
            }
            """);
        var start = new ProcessStartInfo("nginx") { UseShellExecute = false };
        foreach (var argument in (string[])["-p", folder, "-c", file])
            start.ArgumentList.Add(argument);
        return await ServerProcess.StartAsync(start, port);
    }
}
