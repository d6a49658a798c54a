using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Processes;

/// <summary>Speaks to an installation as callers, approvers and auditors do. Thread-safe.</summary>
internal sealed class JitClient(Installation installation) : IDisposable
{
    private readonly HttpClient http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 256 }) { Timeout = TimeSpan.FromSeconds(90) };

    /// <summary>A call to the gateway.</summary>
    public async Task<Answer> Call(string token, string method, string path, object? json = null, CancellationToken cancellation = default, params (string Name, string Value)[] headers)
    {
        using var request = GatewayFixture.Request(method, new Uri(installation.Gateway, path), token, json, headers);
        return await Answer.Of(await http.SendAsync(request, cancellation));
    }

    /// <summary>A call to the control plane's API.</summary>
    public async Task<Answer> Control(string token, string method, string path, object? json = null, CancellationToken cancellation = default)
    {
        using var request = GatewayFixture.Request(method, new Uri(installation.Control, "/api/v1/" + path), token, json);
        return await Answer.Of(await http.SendAsync(request, cancellation));
    }

    /// <summary>Anything without a token.</summary>
    public async Task<Answer> Anonymous(Uri address)
    {
        using var request = GatewayFixture.Request("GET", address, null, null);
        return await Answer.Of(await http.SendAsync(request));
    }

    /// <summary>Votes on a request, quoting the digest that is shown.</summary>
    public async Task<Answer> Vote(string token, string request, string decision = "approve", CancellationToken cancellation = default)
    {
        var shown = await Control(token, "GET", $"requests/{request}", cancellation: cancellation);
        return shown.Problem is not null
            ? shown
            : await Control(token, "POST", $"requests/{request}/votes", new { decision, digest = shown.Json["request"]!["digest"]!.GetValue<string>() }, cancellation);
    }

    /// <summary>The pending request for a resource, as soon as it is there.</summary>
    public Task<string> Pending(string approver, string resource) => Eventually.Get(async () =>
        (await Control(approver, "GET", "requests?status=pending&limit=100")).Json["items"]!.AsArray()
            .FirstOrDefault(r => r!["resource"]!.GetValue<string>() == resource)?["id"]!.GetValue<string>());

    /// <summary>Waits until the caller sees its request with this status.</summary>
    public Task Settled(string caller, string request, string status = "approved") => Eventually.Get(async () =>
        (await Call(caller, "GET", $"/.jit/requests/{request}")).Json["status"]!.GetValue<string>() == status ? status : null);

    /// <summary>All items of a list of the control plane, page by page.</summary>
    public async Task<List<System.Text.Json.Nodes.JsonNode>> All(string token, string list)
    {
        var items = new List<System.Text.Json.Nodes.JsonNode>();
        string? cursor = null;
        do
        {
            var separator = list.Contains('?', StringComparison.Ordinal) ? '&' : '?';
            var page = await Control(token, "GET", cursor is null ? $"{list}{separator}limit=100" : $"{list}{separator}limit=100&cursor={Uri.EscapeDataString(cursor)}");
            Assert.True(page.Problem is null, page.Body);
            items.AddRange(page.Json["items"]!.AsArray()!);
            cursor = page.Json["next_cursor"]?.GetValue<string>();
        }
        while (cursor is not null);
        return items;
    }

    public void Dispose() => http.Dispose();
}
