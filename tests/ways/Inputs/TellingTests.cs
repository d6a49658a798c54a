using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using JitGrains.GatewayTests.Support;

namespace JitGrains.WaysTests.Inputs;

/// <summary>Who may not know of something gets, to the byte, the answer that there is for what does not exist.</summary>
public sealed partial class TellingTests : IAsyncLifetime
{
    private OrdersUpstream upstream = null!;
    private GatewayFixture gateway = null!;

    public async Task InitializeAsync()
    {
        upstream = await OrdersUpstream.Start();
        gateway = await GatewayFixture.Start(upstream.Address, args: ["--store", "memory"]);
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task What_is_not_ones_own_is_as_if_it_were_not_there()
    {
        var (alice, bob, mallory) = (await gateway.Token("alice"), await gateway.Token("bob"), await gateway.Token("alice", "agent:mallory"));
        var request = await gateway.Granted(alice, bob, new { action = "orders.close", resource = new { order = "1" }, reason = "tidy up" });
        var grant = (await gateway.Send("GET", $"/.jit/requests/{request}", alice)).Json["grant"]!["id"]!.GetValue<string>();
        (string Method, string Path)[] own = [("GET", "/.jit/requests/{0}"), ("DELETE", "/.jit/requests/{0}"), ("DELETE", "/.jit/grants/{1}")];
        foreach (var (method, path) in own)
            await Same(id => gateway.Send(method, Fill(path, id, request, grant), mallory), request, grant, $"{method} {path}");

        (string Method, string Path, object? Body)[] control =
        [
            ("GET", "requests/{0}", null), ("DELETE", "requests/{0}", null), ("POST", "requests/{0}/votes", new { decision = "approve", digest = "hmac-sha256:jit-1:x" }),
            ("DELETE", "grants/{1}", null), ("GET", "explain/{0}", null), ("GET", "explain/{1}", null),
        ];
        foreach (var (method, path, body) in control)
            await Same(id => gateway.Approver(method, Fill(path, id, request, grant), mallory, body), request, grant, $"{method} {path}");

        // With the header of another's request a call is answered as with one that there never was.
        await Same(
            id => gateway.Send("PUT", "/orders/1/closed", mallory, null, ("Jit-Request", id is null ? request : Other(request)), ("Prefer", "wait=0")), request, grant, "Jit-Request");
    }

    private static string Fill(string path, string? other, string request, string grant) =>
        string.Format(CultureInfo.InvariantCulture, path, other is null ? request : Other(request), other is null ? grant : Other(grant));

    /// <summary>An id of the same form that nobody has.</summary>
    private static string Other(string id) => id[..^1] + (id[^1] == '0' ? '1' : '0');

    private static async Task Same(Func<string?, Task<Answer>> ask, string request, string grant, string what)
    {
        var (there, notThere) = (await ask(null), await ask("other"));
        Assert.True(there.Status is HttpStatusCode.NotFound or HttpStatusCode.Forbidden or HttpStatusCode.Conflict, $"{what}: {there.Status} {there.Body}");
        Assert.Equal($"{notThere.Status} {Plain(notThere, request, grant)}", $"{there.Status} {Plain(there, request, grant)}");
        Assert.Equal(Names(notThere), Names(there));
    }

    private static string Plain(Answer answer, string request, string grant) =>
        Ids().Replace(answer.Body.Replace(request, "ID", StringComparison.Ordinal).Replace(Other(request), "ID", StringComparison.Ordinal).Replace(grant, "ID", StringComparison.Ordinal), "ID");

    private static IEnumerable<string> Names(Answer answer) => answer.Response.Headers.Concat(answer.Response.Content.Headers).Select(h => h.Key).Order(StringComparer.Ordinal);

    [GeneratedRegex("(rq|gr|cm)_[0-9a-z]+|\\d{4}-\\d\\d-\\d\\dT[0-9:.+Z]+")]
    private static partial Regex Ids();
}
