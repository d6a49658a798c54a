using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>A declared group.</summary>
/// <param name="Name">Qualified.</param>
/// <param name="Members">Everybody who can be in it; null where that is not said.</param>
/// <param name="At">Where it stands.</param>
internal sealed record BoundGroup(string Name, ImmutableHashSet<PrincipalId>? Members, Cursor At);

/// <summary>Principals and groups as policy files write them: with a realm, or in the default realm.</summary>
internal sealed class Names(string? realm)
{
    private readonly Dictionary<string, BoundGroup> groups = new(StringComparer.Ordinal);

    public string? Realm { get; } = realm;

    public IReadOnlyDictionary<string, BoundGroup> Groups => groups;

    /// <summary>What is named of addresses.</summary>
    public AddressBinder Addresses { get; } = new();

    /// <summary>Takes in a declaration.</summary>
    public void Declare(Cursor key, Cursor value)
    {
        if (Qualify(key) is not { } name)
            return;
        ImmutableHashSet<PrincipalId>? members = null;
        if (value.Node is not YamlScalar { IsNull: true } && value.Shape(Schema.PolicyShapes.Group)?["members"] is { } list)
            members = [.. Principals(list)];
        if (groups.TryGetValue(name, out var first))
            key.Error($"the group {name} is declared twice; the first is at {first.At.Place}");
        else
            groups.Add(name, new BoundGroup(name, members, key));
    }

    /// <summary>A list of declared groups.</summary>
    public ImmutableArray<string> GroupList(Cursor at) => at.List(item =>
    {
        var name = Qualify(item);
        return name is null || groups.ContainsKey(name)
            ? name
            : item.Fail<string>($"the group {Shown.Text(name)} is not declared under groups{Shown.Suggest(name, groups.Keys)}");
    });

    /// <summary>A list of principals.</summary>
    public ImmutableArray<PrincipalId> Principals(Cursor at)
    {
        var all = ImmutableArray.CreateBuilder<PrincipalId>();
        foreach (var item in at.Items())
        {
            if (Principal(item) is not { } id)
                continue;
            if (all.Contains(id))
                item.Error("is in the list twice");
            else
                all.Add(id);
        }

        return all.ToImmutable();
    }

    /// <summary>A principal.</summary>
    public PrincipalId? Principal(Cursor at)
    {
        if (at.Text(PrincipalId.MaxLength) is not { } text)
            return null;
        if (PrincipalId.TryParse(text, Realm, out var id, out var problem))
            return id;
        return at.Fail<PrincipalId?>(Realm is null && text.Count(c => c == ':') == 1 ? $"'{Shown.Text(text)}' has no realm, and the policy no default realm (realm: ...)" : $"'{Shown.Text(text)}': {problem}");
    }

    /// <summary>A group's qualified name.</summary>
    public string? Qualify(Cursor at)
    {
        if (at.Text(129) is not { } text)
            return null;
        var parts = text.Split(':');
        if (parts.Length > 2 || !parts.All(SafeText.IsToken))
            return at.Fail<string>($"'{Shown.Text(text)}': a group is a name of 1 to 64 letters, digits, hyphens, underscores and dots, maybe with a realm before it (realm:name)");
        if (parts.Length == 2)
            return text;
        return Realm is null ? at.Fail<string>($"'{Shown.Text(text)}' has no realm, and the policy no default realm (realm: ...)") : $"{Realm}:{text}";
    }
}
