using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using JitGrains.Json;

namespace JitGrains.Cli.Api;

/// <summary>
/// Calls one server (the gateway's caller endpoints or the control plane) as the caller that the identity names.
/// Answers with values: a refusal, silence or rubbish from the network is no exception here.
/// </summary>
/// <param name="http">Shared by a run of <c>jit</c>.</param>
/// <param name="server">The server's base address; a path in it is kept.</param>
/// <param name="serverName">What people call it.</param>
/// <param name="identity">Whose token goes along.</param>
internal sealed class ApiClient(HttpClient http, Uri server, string serverName, Identity identity)
{
    public Task<ApiAnswer> GetAsync(string path, CancellationToken ct, TimeSpan? wait = null) =>
        SendAsync(HttpMethod.Get, path, null, ct, wait);

    public Task<ApiAnswer> PostAsync(string path, object body, CancellationToken ct) => SendAsync(HttpMethod.Post, path, body, ct);

    public Task<ApiAnswer> PutAsync(string path, object body, CancellationToken ct) => SendAsync(HttpMethod.Put, path, body, ct);

    public Task<ApiAnswer> DeleteAsync(string path, object? body, CancellationToken ct) => SendAsync(HttpMethod.Delete, path, body, ct);

    private async Task<ApiAnswer> SendAsync(HttpMethod method, string path, object? body, CancellationToken ct, TimeSpan? wait = null)
    {
        var token = await identity.TokenForAsync(server, ct);
        if (token.Failure is not null)
            return token.Failure;
        var answer = await SendAsync(method, path, body, token.Token!, wait, ct);
        // A newer token of the same login may be fresh enough. Nothing was done yet, so it can be sent again.
        return answer is ApiAnswer.Refused { Problem.Name: "sign-in-needed" } && await identity.RenewAsync(server, ct) is { } newer
            ? await SendAsync(method, path, body, newer, wait, ct)
            : answer;
    }

    private async Task<ApiAnswer> SendAsync(HttpMethod method, string path, object? body, string token, TimeSpan? wait, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, new Uri(server.AbsoluteUri.TrimEnd('/') + path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (wait is { } w)
            request.Headers.TryAddWithoutValidation("Prefer", $"wait={(long)w.TotalSeconds}");
        if (body is not null)
            request.Content = JsonContent.Create(body, body.GetType(), options: JitJson.Options);
        return await HttpExchange.SendAsync(http, request, serverName, ct);
    }
}
