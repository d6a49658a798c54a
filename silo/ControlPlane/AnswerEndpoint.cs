using System.Net.WebSockets;
using System.Text;
using JitGrains.Silo.Revocation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Where gateways acknowledge revocations to this very silo: a WebSocket of each (<see cref="AnswerLines"/>). For processes that have the cluster's keys, not for people.</summary>
internal static class AnswerEndpoint
{
    /// <summary>Most bytes of one answer; as many ids as fit into one of the bus take a quarter.</summary>
    private const int MaxBytes = 16 * 1024;

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        if (endpoints.ServiceProvider.GetService(typeof(SiloOptions)) is SiloOptions { AnswerUrl: not null })
            endpoints.MapGet(AnswerLines.Path, Take).ExcludeFromDescription();
    }

    private static async Task Take(HttpContext http, MailBell bell, MailSeal seal, IAnswerLines lines, IHostApplicationLifetime life)
    {
        // It keeps strangers from holding connections; each answer bears a mark of its own.
        if (seal.Open(AnswerLines.Topic, lines.Own!, http.Request.Headers[AnswerLines.Header]) is null)
        {
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        if (!http.WebSockets.IsWebSocketRequest)
        {
            http.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            http.Response.Headers.Upgrade = "websocket";
            return;
        }

        using var socket = await http.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { KeepAliveInterval = AnswerLines.AskAfter, KeepAliveTimeout = AnswerLines.AskAfter });
        using var until = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, life.ApplicationStopping);
        try
        {
            await Listen(socket, bell, until.Token);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // The gateway has gone, or this silo goes; both come back by themselves.
        }
    }

    private static async Task Listen(WebSocket socket, MailBell bell, CancellationToken until)
    {
        var buffer = new byte[MaxBytes];
        var length = 0;
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer.AsMemory(length), until);
            length += received.Count;
            if (received.MessageType == WebSocketMessageType.Close || (!received.EndOfMessage && length == MaxBytes))
                return;
            if (!received.EndOfMessage)
                continue;
            bell.Hear(Encoding.UTF8.GetString(buffer, 0, length));
            length = 0;
        }
    }
}
