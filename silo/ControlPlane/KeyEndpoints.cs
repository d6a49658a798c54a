using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.Keys;
using JitGrains.Silo.Keys;
using JitGrains.Silo.Revocation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.ControlPlane;

/// <summary>A key to be.</summary>
/// <param name="Name">1 to 64 of a-z A-Z 0-9 - _ . ; its principal is <c>keys:key:NAME</c>.</param>
/// <param name="Owner">Who answers for it, and cannot approve for it.</param>
/// <param name="ExpiresIn">For how many seconds it works: 60 to 366 days.</param>
/// <param name="Groups">Groups of its principal: <c>importers</c> is <c>keys:importers</c>.</param>
/// <param name="Apis">APIs that it is for; none for any.</param>
/// <param name="Actions">Actions that it is for; none for any.</param>
/// <param name="Description">At most 500 characters.</param>
public sealed record CreateKeyBody(string Name, string Owner, long ExpiresIn, ImmutableArray<string>? Groups, ImmutableArray<string>? Apis, ImmutableArray<string>? Actions, string? Description);

/// <summary>A key, without what would prove to hold it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Principal">The principal that calls with it.</param>
/// <param name="Owner">Who answers for it.</param>
/// <param name="Status"><c>active</c>, <c>expired</c> or <c>revoked</c>.</param>
/// <param name="CreatedBy">Who created it.</param>
/// <param name="CreatedAt">When.</param>
/// <param name="ExpiresAt">When it ends.</param>
/// <param name="LastUsedAt">When it was used last, as far as gateways have told; they do each minute.</param>
/// <param name="Groups">Qualified groups of its principal.</param>
/// <param name="Apis">APIs that it is for; none for any.</param>
/// <param name="Actions">Actions that it is for; none for any.</param>
/// <param name="Description">For people.</param>
/// <param name="RevokedAt">When it was revoked.</param>
/// <param name="RevokedBy">By whom.</param>
public sealed record KeyView(
    string Name, PrincipalId Principal, PrincipalId Owner, string Status, PrincipalId CreatedBy, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset? LastUsedAt,
    ImmutableArray<string> Groups, ImmutableArray<string> Apis, ImmutableArray<string> Actions, string? Description, DateTimeOffset? RevokedAt, PrincipalId? RevokedBy);

/// <summary>A new key.</summary>
/// <param name="Key">The key.</param>
/// <param name="Secret">Its text, for <c>Authorization: Bearer</c>. It is shown this once.</param>
public sealed record CreatedKey(KeyView Key, string Secret);

/// <summary>API keys: create, list, revoke.</summary>
internal static class KeyEndpoints
{
    private const int MostNames = 50;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("/keys", CreateAsync).WithName("createKey").WithSummary("Creates an API key, whose text is shown this once (operators)").Takes<CreateKeyBody>().Answers<CreatedKey>();
        api.MapGet("/keys", ListAsync).WithName("listKeys").WithSummary("API keys: all for operators and auditors, one's own for owners").Answers<ListView<KeyView>>();
        api.MapDelete("/keys/{name}", RevokeAsync).WithName("revokeKey").WithSummary("Revokes an API key (operators, and its owner)").Takes<RevokeBody>(optional: true).Answers<RevocationResult>();
    }

    private static async Task<IResult> CreateAsync(HttpContext http, Access access, IGrainFactory grains, IRevocationService revocation, IIdGenerator ids, TimeProvider time)
    {
        var body = await BodyFields.ReadAsync(http);
        var name = body.Text("name", 64, required: true) ?? "";
        var owner = default(PrincipalId);
        if (body.Text("owner", PrincipalId.MaxLength, required: true) is { } typed && !PrincipalId.TryParse(typed, null, out owner, out var wrong))
            body.Wrong("owner", $"owner: {wrong}.");
        var seconds = body.Count("expires_in");
        var groups = body.Texts("groups", MostNames, 64);
        var scope = new ApiKeyScope(body.Texts("apis", MostNames, 64), body.Texts("actions", MostNames, 64));
        var description = body.Sentence("description");
        if (!SafeText.IsToken(name))
            body.Wrong("name", "name is 1 to 64 of a-z A-Z 0-9 - _ .");
        else if (ApiKeyText.IsOfCredential(name))
            body.Wrong("name", "name begins as credentials do: no secret becomes a name by mistake.");
        if (seconds < 60 || seconds > ApiKeysMachine.LongestLife.TotalSeconds)
            body.Wrong("expires_in", $"expires_in is from 60 to {ApiKeysMachine.LongestLife.TotalSeconds:0} seconds.");
        foreach (var (field, names) in new[] { ("groups", groups), ("apis", scope.Apis), ("actions", scope.Actions) })
        {
            if (names.Any(n => !SafeText.IsToken(n)))
                body.Wrong(field, $"{field} holds something that is no name.");
        }

        if (body.Finish() is { } malformed)
            return malformed;
        var caller = http.Caller();
        if (!access.IsOperator(caller))
            return Problems.Forbidden("Only operators create API keys.");
        // A name that is used again must not come to life blocked, nor be unblocked by being used again.
        if ((await revocation.ListBlocksAsync(http.RequestAborted)).Any(b => b.Principal == ApiKey.PrincipalOf(name)))
            return Problems.From(new Refusal.NameTaken("key"), time.GetUtcNow());
        var text = ApiKeyText.Make(name);
        var command = new CreateApiKey(ids.NewCommandId(), name, ApiKeyText.HashOf(text), owner, caller.Principal, TimeSpan.FromSeconds(seconds), groups, scope, description);
        var reply = await grains.GetGrain<IApiKeysGrain>(IApiKeysGrain.Key).Create(command);
        return reply.Value is { } key ? Json.Ok(new CreatedKey(View(key, null, time.GetUtcNow()), text)) : Problems.From(reply.Refusal!, time.GetUtcNow());
    }

    private static async Task<IResult> ListAsync(HttpContext http, Access access, IGrainFactory grains, TimeProvider time)
    {
        if (new QueryFields(http.Request).Finish() is { } problem)
            return problem;
        var caller = http.Caller();
        var all = await grains.GetGrain<IApiKeysGrain>(IApiKeysGrain.Key).List();
        var uses = (await grains.GetGrain<IApiKeyUsesGrain>(IApiKeyUsesGrain.Key).List()).Uses.ToDictionary(u => u.Name, u => u.At, StringComparer.Ordinal);
        var mine = all.Keys.Where(k => access.SeesAll(caller) || IsOwner(caller, k));
        return Json.Ok(new ListView<KeyView>([.. mine.Select(k => View(k, uses.TryGetValue(k.Name, out var at) && at >= k.CreatedAt ? at : null, time.GetUtcNow()))]));
    }

    private static async Task<IResult> RevokeAsync(string name, HttpContext http, Access access, IGrainFactory grains, KeyRevocation revocation, TimeProvider time)
    {
        var (order, malformed) = await RevocationEndpoints.OrderAsync(http);
        if (malformed is not null)
            return malformed;
        var caller = http.Caller();
        if (!SafeText.IsToken(name) || (await grains.GetGrain<IApiKeysGrain>(IApiKeysGrain.Key).Find(name)).Value is not { } key || !(access.SeesAll(caller) || IsOwner(caller, key)))
            return Problems.NotFound("key");
        if (!access.IsOperator(caller) && !IsOwner(caller, key))
            return Problems.Forbidden("Only operators and the key's owner revoke it.");
        var reply = await revocation.RevokeAsync(name, order);
        return reply.Value is { } result ? Json.Ok(result) : Problems.From(reply.Refusal!, time.GetUtcNow());
    }

    /// <summary>Owners act in person.</summary>
    private static bool IsOwner(Caller caller, ApiKey key) => caller.Actors.IsDefaultOrEmpty && caller.Principal == key.Owner;

    private static KeyView View(ApiKey key, DateTimeOffset? used, DateTimeOffset now) => new(
        key.Name, key.Principal, key.Owner, key.RevokedAt is not null ? "revoked" : now >= key.ExpiresAt ? "expired" : "active", key.CreatedBy, key.CreatedAt, key.ExpiresAt, used,
        [.. key.Groups.Select(g => $"{ApiKey.Realm}:{g}")], key.Scope.Apis, key.Scope.Actions, key.Description, key.RevokedAt, key.RevokedBy);
}
